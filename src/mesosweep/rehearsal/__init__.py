"""A cloud on one's own machine: Vertex AI's jobs and Cloud Storage, rehearsed and never billed.

What decides about jobs is plain Python with time as an argument: `orders`, `searching`,
`studying`, `environment`, `filters`, `faults`, `undocumented`, `meters`, `runs`, `tuned`, `tuning`,
`jobs`. What executes trials stands behind `running.TrialRunner`: `scripted` in virtual time,
`processes` for real. Only `reading`, `answers`, `service`, `grpc_server`, `rest_server` and
`clients` know Google's messages; `serving.LocalJobs` is the door. `suite` says what clients rely
on, and `asking` how it asks.
"""
