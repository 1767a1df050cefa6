/// The methods of the API's routes (RFC 9110 §9, RFC 5789).
package enum HTTPMethod: String, Sendable, CaseIterable, Comparable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"

    /// Whether a request changes nothing.
    package var isSafe: Bool { self == .get }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
