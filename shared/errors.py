"""The error tree: an error is named by what the one who catches it must do.

PipelineError
├── TransientError              wait and try again; nothing was lost
│   ├── RedisUnavailableError   Redis does not answer, or its answer was lost
│   │   └── RedisRefusedError   Redis answers, but with an error: demoted, no permission, cluster down
│   │       ├── RedisFullError  ... because it has no room (memory limit, failing disk)
│   │       └── AnswerTooLargeError  ... or its answer is more than we can take in
│   └── QueueFullError          the DataQueue is at its bound
├── RejectedError               never retry this one: it is itself at fault
├── LedgerError                 give back what is in hand and begin with it anew
└── FatalError                  stop and tell a person
    └── SettingsError           the environment holds a mistake

Services hang their own below. The writer: SinkError (its verdict says what to do) under PipelineError,
BackupFailedError and FileInUseError under TransientError, UnusableFileError under RejectedError. An error that is
caught as what Python itself raises there (OSError, ValueError) is one of those and nothing of ours.
"""


class PipelineError(Exception):
    """Any failure that tagpipe foresees."""


class TransientError(PipelineError):
    """The same call may succeed later; what it was to move is where it was, or where it was to go."""


class RedisUnavailableError(TransientError):
    """Redis does not answer, or its answer was lost: the command may have been carried out."""


class RedisRefusedError(RedisUnavailableError):
    """Redis answers, but with an error: another server, or the same one later, may do it. Ask again.

    `code` is what the answer began with: READONLY, NOPERM...; empty when it had none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class RedisFullError(RedisRefusedError):
    """Redis has no room (memory limit, failing disk); nothing was done, and what needs no room is still done."""


class AnswerTooLargeError(RedisRefusedError):
    """Redis' answer is more than a service has memory for, and was not read; what was asked has been carried out."""


class QueueFullError(TransientError):
    """The DataQueue holds its maximum of messages: the consumer is behind or away. The reading was not queued."""


class RejectedError(PipelineError):
    """This message or file can't be used; repeating can't mend it. The text says why; `code`: what kind of fault."""

    def __init__(self, message: str, code: str = "OTHER") -> None:
        super().__init__(message)
        self.code = code


class LedgerError(PipelineError):
    """What is to be counted does not agree with what is in Redis; nothing was done. Claim it again."""


class FatalError(PipelineError):
    """The service can't go on; the text says what a person must do."""


class SettingsError(FatalError):
    """Settings are missing or wrong; `problems` holds one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
