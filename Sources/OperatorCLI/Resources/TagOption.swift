import ArgumentParser
import Encoding

/// Labels as they stand on a command line: `--tag key=value`, as often as wanted.
enum TagOption {
    static func validate(_ tags: [String]) throws(ValidationError) {
        guard let wrong = tags.first(where: { !$0.contains("=") }) else { return }
        throw ValidationError("--tag \(wrong) is not key=value")
    }

    /// The member `tags` of a request; every text has passed ``validate(_:)``.
    static func members(_ tags: [String]) -> JSONValue {
        var members = JSONObject()
        for text in tags {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            members[String(parts[0])] = .string(parts.count > 1 ? String(parts[1]) : "")
        }
        return .object(members)
    }
}
