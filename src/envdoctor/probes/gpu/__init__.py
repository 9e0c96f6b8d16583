"""The GPUs as their driver tells them: no probe itself, `driver` asks here."""
