import Domain
import EmbeddedCA
import Foundation
import PKCS11
import PKI
import Synchronization
import TestSupport

/// One module in this process, with tokens that are there before it starts.
struct TokenStage: Sendable {
    static let shared = Task { try await TokenStage() }
    static let now = Timestamp(secondsSinceEpoch: 1_780_000_000)

    let softHSM: SoftHSM
    let module: TokenModule

    private init() async throws {
        softHSM = try SoftHSM()
        // Read by SoftHSM when it starts; nothing else in this process reads the environment by then.
        setenv("SOFTHSM2_CONF", softHSM.configuration, 1)
        for label in ["certctl", "other", "pin", "twin", "twin"] { try await softHSM.makeToken(label) }
        module = TokenModule(path: SoftHSM.module)
    }

    func driver(
        pin: String? = SoftHSM.pin, sessions: Int = 4, timeout: Duration = .seconds(20)
    ) -> TokenKeyDriver {
        TokenKeyDriver(module: module, sessions: sessions, timeout: timeout, pin: { pin.map { Secret($0) } })
    }

    /// A label that no other test uses.
    static func ref(_ name: String, token: String = "certctl") -> String {
        "pkcs11:token=\(token);object=\(name)-\(UUID().uuidString.prefix(8))"
    }

    static func root(_ signer: any Signer) async throws -> X509Certificate {
        try await LocalCA.createRoot(
            commonName: "Token Root", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer,
            validity: (now - .seconds(60), now + .days(365)))
    }
}
