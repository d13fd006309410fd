"""A batch of messages -> what is pushed of it: values, what is rejected, what is counted. No I/O."""

import json
from dataclasses import dataclass, field

from services.consumer.plain import values_of
from services.consumer.rejected.entries import Rejections
from services.consumer.report.report import Report
from services.consumer.settings import ConsumerSettings
from shared.counters import Counter, by_code
from shared.errors import RejectedError
from shared.messages import encode_polling_data, read_message
from shared.models import Lines, Oversize, PollingData
from shared.queues.claims import MAX_TAKEOVERS
from shared.queues.data_queue import MessageBatch

#: Share of the buffer's cap that the parts of a message have which is larger than that.
_PART = 4


@dataclass
class Unpacked:
    """What a batch holds: values oldest first, entries for the rejected list, counters to raise.

    `in_parts`, where a message has more values than the buffer may ever hold: the messages that the batch is to become
    instead; then the rest is empty.
    """

    values: Lines = field(default_factory=lambda: Lines(b"", 0))
    rejected: list[bytes] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    in_parts: list[bytes] = field(default_factory=list)


class Unpacker:
    """Unpacks batches, and tells the report what it finds."""

    def __init__(self, report: Report, rejections: Rejections, settings: ConsumerSettings) -> None:
        self._report = report
        self._rejections = rejections
        self._message_max_bytes = settings.message_max_bytes
        self._cap = settings.buffer_max_size

    def unpack(self, batch: MessageBatch) -> Unpacked:
        """Return what a batch holds; a message's fault is its own."""
        unpacked = Unpacked()
        values: list[Lines] = []
        polls: list[tuple[PollingData, int, int]] = []
        refused: list[str] = []
        left_out: list[str] = []
        unsupported = 0
        is_deadly = batch.is_deadly
        for raw in batch.raws:
            try:
                if is_deadly or raw[:1] == b"\0":
                    self._refuse_unread(raw, is_deadly=is_deadly)
                data, faults = read_message(raw)
                # No function for it: small messages feel the call.
                if len(data.tag_values) + len(data.error_tags) + len(data.rows) > self._cap:
                    return Unpacked(in_parts=self._in_parts(batch))
                expanded = values_of(data)
            except Exception as error:  # noqa: BLE001 - whatever a message brings about, it is that message's
                code = error.code if isinstance(error, RejectedError) else "UNFORESEEN"
                unpacked.rejected.append(self._rejections.of_message(raw, code, self._reason(error)))
                refused.append(code)
                continue
            values.append(expanded.lines)
            if faults:
                self._report.tags_rejected(data.plc_code, faults)
                unpacked.rejected += self._rejections.of_tags(faults)
                left_out += [fault.code for fault in faults]
            unsupported += expanded.unsupported
            polls.append((data, expanded.lines.count, expanded.bad))
            self._report.last_values.see(data, raw)
        for poll in polls:
            self._report.message(*poll)
        unpacked.values = Lines(b"".join(lines.text for lines in values), sum(lines.count for lines in values))
        unpacked.counts = {
            Counter.MESSAGES: len(batch.raws) - len(refused),
            Counter.MESSAGES_REJECTED: len(refused),
            Counter.TAGS_REJECTED: len(left_out),
            Counter.UNSUPPORTED: unsupported,
            **by_code(Counter.MESSAGES_REJECTED, refused),
            **by_code(Counter.TAGS_REJECTED, left_out),
        }
        return unpacked

    def _in_parts(self, batch: MessageBatch) -> list[bytes]:
        """Return a batch's messages, those that the buffer can't hold in parts."""
        messages: list[bytes] = []
        for raw in batch.raws:
            try:
                data, faults = read_message(raw)
            except RejectedError:
                messages.append(raw)
                continue
            if len(data.tag_values) + len(data.error_tags) + len(data.rows) > self._cap:
                messages += map(encode_polling_data, data.in_parts(max(1, self._cap // _PART)))
                # Each tag that was left out by itself, in ASCII: what is no character stays as it came.
                messages += [json.dumps(fault.alone).encode() for fault in faults]
            else:
                messages.append(raw)
        return messages

    def _reason(self, error: Exception) -> str:
        """Return why a message is rejected, and tell the report."""
        if isinstance(error, RejectedError):
            reason = str(error)
        elif isinstance(error, MemoryError):
            reason = "this consumer has not enough memory to read it"
        else:
            reason = f"reading it met {error!r}"
            self._report.unforeseen(error)
        self._report.rejected(reason)
        return reason

    def _refuse_unread(self, raw: bytes, *, is_deadly: bool) -> None:
        if is_deadly:
            raise RejectedError(f"{MAX_TAKEOVERS} consumers ended while they worked on this message", "DEADLY")
        if Oversize.of(raw) is not None:
            raise RejectedError(f"larger than MESSAGE_MAX_BYTES={self._message_max_bytes}", "TOO_LARGE")
