import Domain
import Encoding
import Sealing
import Store

/// Cursors as clients see them: opaque, and authenticated so that only what this installation made comes back.
struct CursorCodec: Sendable {
    private static let macLength = 16

    let sealer: Sealer

    func text(_ position: KeysetPosition) -> String {
        let octets = position.octets
        return Base64URL.encode(octets + sealer.mac(.cursor, octets).prefix(Self.macLength))
    }

    func position(_ text: String) throws(ServiceError) -> KeysetPosition {
        guard let octets = Base64URL.decode(text), octets.count > Self.macLength else { throw Self.defect }
        let content = Array(octets.dropLast(Self.macLength))
        let code = Array(octets.suffix(Self.macLength))
        guard ConstantTime.equal(Array(sealer.mac(.cursor, content).prefix(Self.macLength)), code),
            let position = KeysetPosition(octets: content)
        else { throw Self.defect }
        return position
    }

    private static let defect = ServiceError(
        .invalidCursor, "the cursor is not one of this server; start again without it")
}
