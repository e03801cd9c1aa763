"""Who somebody is: passwords, logins, accounts."""
