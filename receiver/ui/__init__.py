"""The pages for people: jobs, commits and applications as HTML, without JavaScript, behind the tokens of the API."""
