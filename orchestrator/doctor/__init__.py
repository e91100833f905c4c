"""What a run needs, tried one by one: each file looks at one thing and says what it found."""
