"""What the attacks have in common that look for each image's smallest change by gradient steps."""
