"""From CONNECT to a user who is known: what is agreed on, the exchange of proofs, and the faults that strike in it."""

from dataclasses import dataclass

from oracle_stand_in.engine.database import User
from oracle_stand_in.errors import OracleError
from oracle_stand_in.faults.state import fires
from oracle_stand_in.protocol import auth, handshake
from oracle_stand_in.protocol.packets import PacketType, ProtocolError
from oracle_stand_in.protocol.requests import Function
from oracle_stand_in.server.connection import EndSession
from oracle_stand_in.server.dialogue import Dialogue
from oracle_stand_in.server.instance import Instance


@dataclass(frozen=True)
class LoggedOn:
    """Who has logged on, and what the client said of itself."""

    user: str
    program: str
    machine: str
    #: what the client wants the session to be set to: its time zone
    alter_session: str
    #: what its contexts are to hold: namespace and name -> value
    contexts: dict[tuple[str, str], str]
    #: that the server knows the password, too
    proof: str


class Logon:
    """Lets one client in, or not."""

    def __init__(self, instance: Instance, dialogue: Dialogue) -> None:
        self._instance = instance
        self._dialogue = dialogue
        self._connection = dialogue.connection

    async def run(self) -> LoggedOn:
        """Return who logged on. Raises: EndSession: nobody, and the client was told; ProtocolError."""
        await self._connect()
        field_version = await self._negotiate()
        await self._expect(Function.AUTH_ONE)
        first = await self._read_message()
        self._dialogue.negotiated.field_version = field_version
        try:
            second, proof = await self._authenticate(first.user)
        except OracleError as error:
            self._dialogue.answer(self._dialogue.error(error))
            self._connection.cut("fin")
            raise EndSession from None
        program, machine = first.values.get("AUTH_PROGRAM_NM", ""), first.values.get("AUTH_MACHINE", "")
        alter_session = second.values.get("AUTH_ALTER_SESSION", "").strip()
        return LoggedOn(first.user, program, machine, alter_session, second.contexts, proof)

    def welcome(self, session_id: int, proof: str) -> None:
        """Tell the client that it is logged on."""
        pairs = auth.session_pairs(self._instance.flavour, self._instance.service, session_id, proof)
        warning = self._instance.faults.logon_warning
        said = auth.warning(warning) if warning is not None else b""
        self._dialogue.answer(auth.parameters(pairs) + said + self._dialogue.end())

    async def _connect(self) -> None:
        faults = self._instance.faults
        gate = faults.new_connections.hold()
        if gate is not None:
            await self._connection.wait(gate)
        await self._connection.secure()
        with self._dialogue.soon():
            packet = await self._connection.packet()
        if packet.type != PacketType.CONNECT:
            raise ProtocolError("the first packet is not CONNECT")
        request = handshake.parse_connect(packet.body)
        text = request.connect_string
        if not request.is_complete:
            with self._dialogue.soon():
                text = (await self._connection.packet()).body[2:]
        if faults.refuse is not None and faults.refuse.code is not None and fires(faults.refuse):
            self._refuse(faults.refuse.code)
        service, is_sid = handshake.service_or_sid(text.decode("utf-8", "replace"))
        if is_sid or service.upper() != self._instance.service.upper():
            self._refuse(handshake.UNKNOWN_SID if is_sid else handshake.UNKNOWN_SERVICE)
        self._dialogue.negotiated.sdu = handshake.negotiate_sdu(request.sdu)
        self._connection.use_wide_lengths()
        self._connection.send(handshake.accept_packet(request, self._instance.flavour))

    def _refuse(self, code: int) -> None:
        self._connection.send(handshake.refuse_packet(code))
        self._connection.cut("fin")
        raise EndSession

    async def _negotiate(self) -> int:
        """Agree on character sets and forms; return the field version from the first logon message's answer on."""
        flavour, dialogue = self._instance.flavour, self._dialogue
        await dialogue.parse(handshake.read_protocol_message)
        dialogue.send(handshake.protocol_answer(flavour))
        is_bundle = await dialogue.parse(handshake.read_fast_authentication)
        client = await dialogue.parse(handshake.read_data_types_message)
        field_version = min(flavour.field_version, client.field_version)
        if is_bundle:
            dialogue.send_with_the_next(handshake.protocol_answer(flavour) + client.answer)
            dialogue.negotiated.field_version = handshake.BUNDLE_FIELD_VERSION
        else:
            dialogue.send(client.answer)
            dialogue.negotiated.field_version = field_version
        # only from here on do answers carry the end-of-response mark
        dialogue.negotiated.universal_scale = client.universal_scale
        dialogue.negotiated.has_lengths = client.has_lengths
        dialogue.negotiated.end_of_response = flavour.end_of_response and client.end_of_response
        return field_version

    async def _read_message(self) -> auth.AuthMessage:
        has_lengths = self._dialogue.negotiated.has_lengths
        return await self._dialogue.parse(lambda reader: auth.read_auth_message(reader, has_lengths=has_lengths))

    async def _authenticate(self, name: str) -> tuple[auth.AuthMessage, str]:
        """Exchange the logon messages and return the client's second one, and the server's proof.

        Raises: OracleError: the logon is refused.
        """
        faults, dialogue = self._instance.faults, self._dialogue
        user = self._instance.database.users.get(name)
        self._check_logon()
        # an unknown user goes through the same exchange, so that nobody can tell which of the two was wrong
        challenge = auth.Challenge(
            user.verifier if user else auth.Verifier.of(""),
            auth.VERIFIER_10G if faults.has_old_verifier else auth.VERIFIER_12C,
        )
        dialogue.answer(auth.parameters(challenge.pairs()) + dialogue.end())
        await self._expect(Function.AUTH_TWO)
        message = await self._read_message()
        if user and (user.locked or (faults.is_locked and user is self._instance.account)):
            raise OracleError(28000)
        proof = challenge.proof(message.values, user.password) if user and user.password else None
        if user is None or proof is None:
            raise OracleError(1017)
        if "PROXY_CLIENT_NAME" in message.values:
            raise OracleError(28150)
        self._check_account(user)
        self._check_limit()
        return message, proof

    def _check_account(self, user: User) -> None:
        """Check what stands in the way of one who knows the password. Raises: OracleError: 28001, 1045, 2391."""
        database = self._instance.database
        if user.expired:
            raise OracleError(28001)
        if "CREATE SESSION" not in user.privileges:
            raise OracleError(1045, user.name)
        most = database.limit(user, "SESSIONS_PER_USER")
        if most is not None and len(database.sessions_of(user.name)) >= most:
            raise OracleError(2391)

    def _check_logon(self) -> None:
        fault = self._instance.faults.logon_failure
        if fault is not None and fires(fault):
            raise fault.error()
        self._check_limit()

    def _check_limit(self) -> None:
        limit = self._instance.faults.session_limit
        if limit is not None and len(self._instance.database.sessions) >= limit:
            raise OracleError(18)

    async def _expect(self, function: Function) -> None:
        header = await self._dialogue.header()
        if header.function != function:
            raise ProtocolError(f"function {header.function} before the logon")
