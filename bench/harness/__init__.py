"""What the sections share: processes that run alternately, tasks, the judge, results and pages."""
