"""The error tree: an error is named by what the one who catches it must do.

PipelineError
├── TransientError              wait and try again; nothing was lost
│   ├── RedisUnavailableError   Redis does not answer, or its answer was lost
│   │   └── RedisFullError      Redis answers, but refuses writes (memory limit, disk)
│   └── QueueFullError          the DataQueue is at its bound
├── RejectedError               never retry this one: the message itself is at fault
└── FatalError                  stop and tell a person
    └── SettingsError           the environment holds a mistake
"""


class PipelineError(Exception):
    """Any failure that tagpipe foresees."""


class TransientError(PipelineError):
    """The same call may succeed later; what it was to move is where it was, or where it was to go."""


class RedisUnavailableError(TransientError):
    """Redis does not answer, or its answer was lost: the command may have been carried out."""


class RedisFullError(RedisUnavailableError):
    """Redis answers but refuses to write (memory limit, read-only replica, failing disk); nothing was done."""


class QueueFullError(TransientError):
    """The DataQueue holds its maximum of messages: the consumer is behind or away. The reading was not queued."""


class RejectedError(PipelineError):
    """This message can't be understood; repeating can't cure it. The text says why."""


class FatalError(PipelineError):
    """The service can't go on; the text says what a person must do."""


class SettingsError(FatalError):
    """Settings are missing or wrong; `problems` holds one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
