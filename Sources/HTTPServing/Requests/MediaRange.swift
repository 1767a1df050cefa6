/// The entries of an `Accept` field (RFC 9110 §12.5.1).
struct MediaRanges: Sendable {
    struct Range: Sendable {
        let type: Substring
        let quality: Double
    }

    private let ranges: [Range]

    init(_ field: String?) {
        guard let field else {
            ranges = []
            return
        }
        ranges = field.split(separator: ",").prefix(32).compactMap { entry in
            let parts = entry.split(separator: ";").map { $0.drop { $0 == " " }.lowercased()[...] }
            guard let type = parts.first.map({ $0.prefix { $0 != " " } }), !type.isEmpty else { return nil }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
            return Range(type: type, quality: min(1, max(0, quality ?? 1)))
        }
    }

    /// No field at all accepts everything.
    func quality(of mediaType: String) -> Double {
        guard !ranges.isEmpty else { return 1 }
        let family = "\(mediaType.prefix { $0 != "/" })/*"
        for candidate in [mediaType, family, "*/*"] {
            if let range = ranges.first(where: { $0.type == candidate }) { return range.quality }
        }
        return 0
    }

    func lists(_ mediaType: String) -> Bool { ranges.contains { $0.type == mediaType && $0.quality > 0 } }
}

/// `type/subtype` of a `Content-Type`, lower-case, without parameters.
enum MediaType {
    /// What a form can send to another origin without asking (Fetch §2.2.2).
    static let ofForms: Set = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]

    static func essence(_ field: String) -> String {
        String(field.prefix { $0 != ";" && $0 != " " }).lowercased()
    }
}
