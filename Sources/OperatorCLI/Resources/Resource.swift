package import ArgumentParser
package import Domain
package import Encoding

/// A kind of object that the API lists, shows, creates, changes and deletes.
package protocol Resource: Sendable {
    associatedtype Filters: ParsableArguments & QueryParameters
    associatedtype Members: ParsableArguments & BodyMembers

    /// The word on the command line: `renewal-policies`. Also the path segment below `/api/v1`.
    static var command: String { get }
    /// One of them, for people: `renewal policy`.
    static var noun: String { get }
    static var columns: [Column] { get }
    /// Lines of the detail view.
    static var details: [Column] { get }
    /// Members without which none can be created.
    static var required: [String] { get }
    /// What deleting means, for the question that is asked first.
    static var consequence: String { get }
}

extension Resource {
    package static var details: [Column] { columns }
    package static var consequence: String { "delete" }
}

/// Options that become query parameters.
package protocol QueryParameters {
    var parameters: [(name: String, value: String)] { get }
    /// The same, with those that count from now.
    func parameters(at now: Timestamp) -> [(name: String, value: String)]
}

extension QueryParameters {
    package func parameters(at _: Timestamp) -> [(name: String, value: String)] { parameters }
}

/// Options that become members of a request body; absent options are absent members.
package protocol BodyMembers {
    func members() throws(CLIFailure) -> JSONObject
}

/// A resource that is filtered by free text alone.
package struct TextFilter: ParsableArguments, QueryParameters {
    @Option(name: .customLong("q"), help: "Text to look for in names.") var search: String?

    package init() {}
    package var parameters: [(name: String, value: String)] { search.map { [("q", $0)] } ?? [] }
}

/// A resource whose objects the client cannot write.
package struct NoMembers: ParsableArguments, BodyMembers {
    package init() {}
    package func members() -> JSONObject { [:] }
}

/// Collects members in the order of the options.
struct MemberList {
    private(set) var object = JSONObject()

    mutating func add(_ name: String, _ text: String?) {
        if let text { object[name] = .string(text) }
    }

    mutating func add(_ name: String, _ number: Int?) {
        if let number { object[name] = JSONValue(number) }
    }

    mutating func add(_ name: String, _ flag: Bool?) {
        if let flag { object[name] = .bool(flag) }
    }

    mutating func add(_ name: String, list texts: [String]) {
        if !texts.isEmpty { object[name] = JSONValue(texts.flatMap { $0.split(separator: ",").map(String.init) }) }
    }

    mutating func add(_ name: String, _ value: JSONValue?) {
        if let value { object[name] = value }
    }
}

extension Resource {
    /// The noun with its article.
    static var oneOfThem: String { "\("aeiou".contains(noun.prefix(1)) ? "an" : "a") \(noun)" }
}
