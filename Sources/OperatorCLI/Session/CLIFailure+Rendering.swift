import APIContract
import Encoding
import Settings

extension CLIFailure {
    /// The lines for standard error: text for people, one JSON object with `-o json`.
    func report(_ format: OutputFormat) -> String {
        switch format {
        case .json, .jsonl: TerminalText.escapingInsideStrings(json.text)
        case .table, .wide, .csv, .yaml, .name: text
        }
    }

    private var text: String {
        var lines = "error: \(TerminalText.block(message))"
        if case .refused(_, _, let requestID?) = self { lines += "\nrequest-id: \(TerminalText.line(requestID))" }
        return lines
    }

    private var json: JSONValue {
        var error: JSONObject = ["code": .string(code), "status": .null, "message": .string(message)]
        if case .refused(let status, let body, let requestID) = self {
            error["status"] = .integer(Int64(status))
            error["message"] = .string(body.message ?? body.error)
            error["request_id"] = requestID.map(JSONValue.string) ?? .null
            var details = JSONObject()
            if let errors = body.errors { details["errors"] = .array(errors.map(\.json)) }
            if let counts = body.counts {
                details["counts"] = .object(
                    JSONObject(
                        counts.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: .integer(Int64($0.value))) })
                )
            }
            error["details"] = .object(details)
        }
        return ["error": .object(error)]
    }
}
