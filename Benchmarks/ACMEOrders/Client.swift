import Crypto
import Encoding
import NIOHTTP1
import PKI

/// One ACME client (RFC 8555) with an account, a key and an address of its own.
struct Client: Sendable {
    let number: Int
    let transport: Transport
    let pages: Pages
    private let key = P256.Signing.PrivateKey()
    private var addresses: [String: String] = [:]
    private var kid: String?
    private var nonce: String?

    init(number: Int, transport: Transport, pages: Pages) {
        self.number = number
        self.transport = transport
        self.pages = pages
    }

    /// The address that it has certificates for.
    private var address: String { "127.0.1.\(number + 1)" }

    // MARK: Account

    mutating func register(at options: Options) async throws {
        let directory = try await transport.send(.GET, options.directory).json()
        for name in ["newNonce", "newAccount", "newOrder"] { addresses[name] = directory[name]?.stringValue }
        let answer = try await post(
            "newAccount", "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:bench@certctl.test\"]}")
        guard let location = answer.location else { throw Transport.Refusal(status: answer.status, text: answer.text) }
        kid = location
    }

    // MARK: An order, from its opening to its certificate

    mutating func obtain() async throws {
        let opened = try await post("newOrder", "{\"identifiers\":[{\"type\":\"ip\",\"value\":\"\(address)\"}]}")
        guard let location = opened.location else { throw Transport.Refusal(status: opened.status, text: opened.text) }
        var order = try opened.json()
        if order["status"]?.stringValue == "pending" {
            for authorization in order["authorizations"]?.arrayValue ?? [] {
                try await prove(authorization.stringValue ?? "")
            }
        }
        let request = try CertificationRequestBuilder.makeCSR(
            commonName: "", subjectAltNames: [try SubjectAltName(classifying: address)],
            key: try PrivateKey.generate(.ecdsaP256))
        order = try await post(
            url: order["finalize"]?.stringValue ?? "", "{\"csr\":\"\(Base64URL.encode(request.der))\"}"
        ).json()
        while order["status"]?.stringValue == "processing" {
            try await Task.sleep(for: Self.interval)
            order = try await post(url: location, "").json()
        }
        guard let certificate = order["certificate"]?.stringValue else {
            throw Transport.Refusal(status: 0, text: JSONValue.object(order).text)
        }
        let chain = try await post(url: certificate, "")
        guard chain.text.hasPrefix("-----BEGIN CERTIFICATE-----") else {
            throw Transport.Refusal(status: chain.status, text: chain.text)
        }
    }

    /// How long it rests between two looks at what is not ready.
    private static let interval = Duration.milliseconds(20)

    private mutating func prove(_ authorization: String) async throws {
        var state = try await post(url: authorization, "").json()
        let offered = state["challenges"]?.arrayValue?.compactMap(\.objectValue) ?? []
        guard let challenge = offered.first(where: { $0["type"]?.stringValue == "http-01" }),
            let token = challenge["token"]?.stringValue, let url = challenge["url"]?.stringValue
        else { throw Transport.Refusal(status: 0, text: JSONValue.object(state).text) }
        pages[token] = "\(token).\(thumbprint)"
        _ = try await post(url: url, "{}")
        repeat {
            try await Task.sleep(for: Self.interval)
            state = try await post(url: authorization, "").json()
        } while state["status"]?.stringValue == "pending"
        pages[token] = nil
        guard state["status"]?.stringValue == "valid" else {
            throw Transport.Refusal(status: 0, text: JSONValue.object(state).text)
        }
    }

    // MARK: Requests

    private mutating func post(_ name: String, _ payload: String) async throws -> Transport.Answer {
        try await post(url: addresses[name] ?? "", payload)
    }

    /// A signed request; an empty payload is a POST-as-GET (RFC 8555 §6.3). A refused nonce is replaced, as §6.5 says.
    private mutating func post(url: String, _ payload: String) async throws -> Transport.Answer {
        while true {
            if nonce == nil { nonce = try await transport.send(.HEAD, addresses["newNonce"] ?? "").nonce }
            let answer = try await transport.send(.POST, url, try signed(url, payload))
            nonce = answer.nonce
            guard answer.status >= 400 else { return answer }
            guard answer.text.contains(":badNonce") else {
                throw Transport.Refusal(status: answer.status, text: answer.text)
            }
            transport.counts.refusedNonce()
        }
    }

    private func signed(_ url: String, _ payload: String) throws -> String {
        let signer = kid.map { "\"kid\":\"\($0)\"" } ?? "\"jwk\":\(jwk)"
        let header = "{\"alg\":\"ES256\",\"nonce\":\"\(nonce ?? "")\",\"url\":\"\(url)\",\(signer)}"
        let (protected, body) = (Base64URL.encode(Array(header.utf8)), Base64URL.encode(Array(payload.utf8)))
        let signature = try key.signature(for: Array("\(protected).\(body)".utf8))
        return """
            {"protected":"\(protected)","payload":"\(body)","signature":"\(Base64URL.encode(Array(signature.rawRepresentation)))"}
            """
    }

    /// In the form that is hashed (RFC 7638).
    private var jwk: String {
        let point = Array(key.publicKey.rawRepresentation)
        let (x, y) = (Base64URL.encode(Array(point[..<32])), Base64URL.encode(Array(point[32...])))
        return "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"\(x)\",\"y\":\"\(y)\"}"
    }

    private var thumbprint: String { Base64URL.encode(Array(SHA256.hash(data: Array(jwk.utf8)))) }
}
