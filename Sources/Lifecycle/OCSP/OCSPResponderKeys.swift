import ConnectorKit
import Crypto
import Domain
import EmbeddedCA
import Encoding
import PKI
import Sealing
import Store

/// Where the keys of responders are: sealed in the database, in files of the server, or beside the key of the authority
/// in a token or a signing process (protocol-servers §5.5).
struct OCSPResponderKeys: Sendable {
    /// A key for a responder that is about to be appointed.
    struct Made: Sendable {
        let signer: any Signer
        let driver: String
        let place: OCSPResponderKeyPlace
        /// What a file is written with once the CA has signed.
        fileprivate let pem: Secret?
        /// Whether a driver made the key just now.
        fileprivate let isNew: Bool
        /// Whether nobody else can have been given the key meanwhile: its reference names it and no other.
        fileprivate let isUnique: Bool
    }

    private let sealer: Sealer
    private let files: OCSPKeyFiles?
    private let drivers: KeyDriverRegistry
    private let algorithms: AlgorithmPolicy

    /// - `algorithms`: What no new key is made of.
    init(sealer: Sealer, files: OCSPKeyFiles?, drivers: KeyDriverRegistry, algorithms: AlgorithmPolicy) {
        self.sealer = sealer
        self.files = files
        self.drivers = drivers
        self.algorithms = algorithms
    }

    /// The kind of the next key: the first of ``KeySpec`` that may sign, or that of an authority which no quantum computer
    /// can speak for: neither should one speak for its responder. Tokens hold ECDSA and RSA alone.
    ///
    /// - `driver`: `nil` for a key of this process.
    private func kind(for driver: String?, of authority: OCSPAuthority) -> KeySpec? {
        let kinds = algorithms.signingKinds.filter { driver != "pkcs11" || [.ecdsa, .rsa].contains($0.algorithm) }
        let own = authority.certificate.subjectPublicKey.algorithm
        guard own.isPostQuantum, let same = kinds.first(where: { $0.algorithm == own }) else { return kinds.first }
        return same
    }

    /// Whether a responder's key is no weaker than it could be: one beside a post-quantum authority of that kind itself.
    func isFit(_ key: SubjectPublicKey, at place: OCSPResponderKeyPlace, for authority: OCSPAuthority) -> Bool {
        var driver: String?
        if case .held(let name, _) = place { driver = name }
        guard let wanted = kind(for: driver, of: authority), wanted.algorithm.isPostQuantum else { return true }
        return key.algorithm == wanted.algorithm
    }

    /// Whether a key is of a kind that answers may be signed with.
    func isAllowed(_ key: KeyKind) -> Bool { algorithms.denial(signingWith: key) == nil }

    /// Where the key of the next responder goes, if that is beside the key of the authority.
    ///
    /// The name is that of the succession: whoever is interrupted, and whoever comes together with another, gets the
    /// same key, and whoever follows on this responder another one. The kind is part of it where it is not the usual one: a
    /// key of another kind may have the name already. Where a token can hold no key that may sign, the key is not there.
    private func neighbour(
        of authority: OCSPAuthority, replacing seen: OCSPResponderID?, _ plan: OCSPPlan
    ) throws(SignerError) -> (reference: KeyReference, kind: KeySpec)? {
        guard plan.keepsKeysWithAuthority, let key = authority.connector.authorityKey,
            let kind = kind(for: key.driver, of: authority)
        else { return nil }
        let words = authority.id.text.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        let isUsual = kind == .ecdsaP256
        let succession = "\(authority.id.text) \(seen?.text ?? "")" + (isUsual ? "" : " \(kind.rawValue)")
        let after = Hex.encode(SHA256.hash(data: Array(succession.utf8)).prefix(8))
        let name = "ocsp-\(words.prefix(36))-\(after)"
        let wanted = try drivers.neighbour(of: KeyReference(driver: key.driver, ref: key.ref), named: name)
        return wanted.map { ($0, kind) }
    }

    /// Whether the key of an appointment is where the settings want it.
    func isInPlace(_ key: OCSPResponderKeyPlace, of authority: OCSPAuthority, _ plan: OCSPPlan) throws -> Bool {
        guard let wanted = try neighbour(of: authority, replacing: nil, plan) else {
            if case .held = key { return false }
            return true
        }
        if case .held(let driver, _) = key { return driver == wanted.reference.driver }
        return false
    }

    /// - `seen`: Whom the new responder follows.
    func make(
        for authority: OCSPAuthority, as id: OCSPResponderID, replacing seen: OCSPResponderID?, _ plan: OCSPPlan
    ) async throws -> Made {
        if let (wanted, kind) = try neighbour(of: authority, replacing: seen, plan) {
            let key = try await drivers.obtain(kind, at: wanted, for: .responder)
            try await key.signer.prove()
            return Made(
                signer: key.signer, driver: wanted.driver, place: .held(driver: wanted.driver, ref: key.ref), pem: nil,
                isNew: key.isNew, isUnique: key.ref != wanted.ref)
        }
        guard let kind = kind(for: nil, of: authority) else {
            throw SignerError.unsupported("\(AlgorithmPolicy.setting) leaves no kind of key that signs answers")
        }
        let key = try await SigningExecutor.computing.generate(kind)
        let signer = InProcessSigner(key: key, purposes: .responder)
        if let files {
            return Made(
                signer: signer, driver: "file", place: .file(files.path(authority.id)), pem: key.pkcs8PEM,
                isNew: true, isUnique: true)
        }
        return Made(
            signer: signer, driver: "database", place: .sealed(sealer.seal(key.pkcs8DER, for: Self.place(of: id))),
            pem: nil, isNew: true, isUnique: true)
    }

    /// Puts a key where it stays, after its certificate was signed.
    func keep(_ made: Made) async throws {
        if case .file(let path) = made.place, let pem = made.pem { try await files?.write(path, pem) }
    }

    /// Removes a key that no responder came of.
    ///
    /// - `another`: Whether somebody else was first, who may have been given the same key.
    func abandon(_ made: Made, another: Bool) async {
        guard made.isNew, made.isUnique || !another, case .held(let driver, let ref) = made.place else { return }
        // What cannot be removed now is what the next appointment gets.
        try? await drivers.discard(KeyReference(driver: driver, ref: ref))
    }

    /// `nil` for a key that is gone.
    func open(_ place: OCSPResponderKeyPlace, of id: OCSPResponderID) async throws -> (
        signer: any Signer, driver: String
    )? {
        switch place {
        case .sealed(let octets):
            let secret = try sealer.open(octets, for: Self.place(of: id))
            let key = try secret.withBytes { try PrivateKey(pkcs8DER: $0) }
            return (InProcessSigner(key: key, purposes: .responder), "database")
        case .file(let path):
            guard let pem = try await files?.read(path), let key = try? PrivateKey(pem: pem) else { return nil }
            return (InProcessSigner(key: key, purposes: .responder), "file")
        case .held(let driver, let ref):
            do throws(SignerError) {
                return (try await drivers.load(KeyReference(driver: driver, ref: ref), for: .responder), driver)
            } catch .keyNotFound {
                return nil
            } catch {
                throw error
            }
        }
    }

    /// Removes the key of a responder whose last answer has ended. A sealed one goes with its row, and the file of an
    /// authority is that of its next responder.
    func discard(_ place: OCSPResponderKeyPlace) async throws {
        guard case .held(let driver, let ref) = place else { return }
        do throws(SignerError) {
            try await drivers.discard(KeyReference(driver: driver, ref: ref))
        } catch .keyNotFound {
            return
        } catch {
            throw error
        }
    }

    private static func place(of id: OCSPResponderID) -> SealedPlace {
        SealedPlace(table: OCSPResponderStore.table, column: OCSPResponderStore.keyColumn, rowID: id.text)
    }
}
