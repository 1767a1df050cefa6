import Encoding
import Settings

extension Session {
    /// Shows the `pem_chain` of an answer: into a file, as the document that a machine asked for, or as the text itself.
    ///
    /// - `file`: Where to write the chain; `nil` for the terminal.
    func show(chainOf answer: JSONValue, to file: String?) throws {
        let chain = answer["pem_chain"]?.stringValue ?? ""
        if let file {
            try IssuedFiles.replace(file, with: Array(chain.utf8), mode: 0o644, environment)
            progress("wrote \(file)")
        } else if [.json, .jsonl, .yaml].contains(configuration.format) {
            console.output(try renderer.item(answer, details: []))
        } else {
            console.output(TerminalText.block(chain.hasSuffix("\n") ? String(chain.dropLast()) : chain))
        }
    }
}
