"""One folder a venue, loaded by name; ``contract`` says what each must provide."""
