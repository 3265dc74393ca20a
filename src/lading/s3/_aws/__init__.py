"""S3 and SSM through botocore: its credentials, endpoints and signatures, over lading's transport."""
