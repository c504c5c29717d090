-- Deltas for hosts are formats too.
ALTER TABLE jobs DROP CONSTRAINT jobs_format_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_format_check
    CHECK (format IN ('v2', 'v3', 'remora', 'oci-delta'));
