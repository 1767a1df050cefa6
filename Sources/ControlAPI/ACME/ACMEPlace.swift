import Domain
import Encoding
import HTTPServing
import HTTPTypes

/// Where a client reached the ACME server: every address that it is told, and every one that it signs, begins with this
/// (protocol-servers §1.4, §2.1).
struct ACMEPlace: Sendable {
    /// Without a trailing slash: `https://ca.example.com`.
    let origin: String
    /// `/acme`, or `/acme/profile/{id}`.
    let family: String

    private var base: String { origin + family }

    var directory: String { base + "/directory" }
    var newNonce: String { base + "/new-nonce" }
    var newAccount: String { base + "/new-account" }
    var newOrder: String { base + "/new-order" }
    var newAuthorization: String { base + "/new-authz" }
    var keyChange: String { base + "/key-change" }
    var renewalInfo: String { base + "/renewal-info" }
    var revoke: String { base + "/revoke-cert" }

    func account(_ id: ACMEAccountID) -> String { "\(base)/account/\(id.text)" }
    func orders(of id: ACMEAccountID) -> String { account(id) + "/orders" }
    func order(_ id: ACMEOrderID) -> String { "\(base)/order/\(id.text)" }
    func finalize(_ id: ACMEOrderID) -> String { order(id) + "/finalize" }
    func authorization(_ id: ACMEAuthorizationID) -> String { "\(base)/authz/\(id.text)" }
    func challenge(_ id: ACMEChallengeID) -> String { "\(base)/challenge/\(id.text)" }
    func certificate(_ id: VersionID) -> String { "\(base)/cert/\(id.text)" }
    /// - `number`: Of the chain; 0 for the one that clients get unless they choose.
    func certificate(_ id: String, chain number: Int) -> String {
        "\(base)/cert/\(id)" + (number > 0 ? "/\(number)" : "")
    }

    /// The account that a `kid` names; `nil` for the address of anything else.
    func account(named kid: String) -> ACMEAccountID? {
        let prefix = base + "/account/"
        guard kid.hasPrefix(prefix) else { return nil }
        return try? ACMEAccountID(String(kid.dropFirst(prefix.count)))
    }

    /// - `path`: As it was asked for.
    static func family(of path: String) -> String {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count > 3, segments[2] == "profile" else { return "/acme" }
        return "/acme/profile/\(segments[3])"
    }

    /// The origin under which a client reached us. What a proxy says of it counts from proxies that are trusted.
    static func origin(
        named publicURL: String?, authority: String?, fields: HTTPFields, isTrustedPeer: Bool
    ) -> String {
        if let publicURL { return publicURL }
        var scheme = "https"
        var host = authority ?? "localhost"
        if isTrustedPeer {
            if let forwarded = fields[.forwardedProto], ["http", "https"].contains(forwarded) { scheme = forwarded }
            if let forwarded = fields[.forwardedHost], isHost(forwarded) { host = forwarded }
        }
        return "\(scheme)://\(isHost(host) ? host : "localhost")"
    }

    /// Nothing that has a meaning in an address, a header field or a JSON text.
    private static func isHost(_ text: String) -> Bool {
        (1...260).contains(text.utf8.count)
            && text.utf8.allSatisfy { octet in
                (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
                    || [0x2D, 0x2E, 0x3A, 0x5B, 0x5D, 0x5F].contains(octet)
            }
    }
}
