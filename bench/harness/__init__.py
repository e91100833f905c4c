"""What the sections share: processes that take turns, tasks, the judge, results and pages."""
