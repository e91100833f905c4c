"""The commands of ``advshard``, one file each."""
