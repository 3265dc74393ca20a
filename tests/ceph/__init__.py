"""The stager against a real Ceph RGW."""
