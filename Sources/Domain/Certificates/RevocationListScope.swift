/// Which list of an authority.
package enum RevocationListScope: Hashable, Sendable, CustomStringConvertible {
    /// Every certificate of the authority.
    case full
    /// What has changed since an earlier complete list (RFC 5280 §5.2.4).
    case delta
    /// One of several lists that together cover all certificates but those of authorities.
    case shard(Int, of: Int)

    /// Most shards of one authority.
    package static let mostShards = 256

    /// As stored and as the addresses end: `full`, `delta`, `7-64` for shard 7 of 64.
    package init?(_ text: some StringProtocol) {
        switch text {
        case "full": self = .full
        case "delta": self = .delta
        default:
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let shard = Int(parts[0]), let count = Int(parts[1]),
                (1...Self.mostShards).contains(count), (0..<count).contains(shard), "\(shard)-\(count)" == text
            else { return nil }
            self = .shard(shard, of: count)
        }
    }

    /// The shard of a certificate. Serial numbers are random, so their last octets spread evenly.
    package init(shardOf serialHex: String, among count: Int) {
        let end = UInt64(serialHex.suffix(8), radix: 16) ?? 0
        self = .shard(Int(end % UInt64(count)), of: count)
    }

    package var description: String {
        switch self {
        case .full: "full"
        case .delta: "delta"
        case .shard(let shard, let count): "\(shard)-\(count)"
        }
    }
}
