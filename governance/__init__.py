"""What data protection officers and oversight rely on: releases, disclosure control, retention, records, logs."""
