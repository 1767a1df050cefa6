import Foundation
import Settings
import Testing

/// `docs/reference/settings.md` as the sections of its programs, each with the rows of its table.
private struct SettingsReference {
    /// Rows by the title of their section.
    let sections: [String: [String]]

    init(_ text: String) {
        var sections: [String: [String]] = [:]
        var title = ""
        for line in text.components(separatedBy: "\n") {
            if line.hasPrefix("## ") { title = String(line.dropFirst(3)) }
            if line.hasPrefix("| `") { sections[title, default: []].append(line) }
        }
        self.sections = sections
    }

    static func title(of program: Program) -> String {
        switch program {
        case .server: "Server"
        case .agent: "Agent"
        case .cli: "Client"
        }
    }

    static func row(of setting: SettingDeclaration) -> String {
        let cells = [
            "`\(setting.key)`", "`\(setting.environmentName)`", setting.kind, setting.fallbackText ?? "none",
            setting.help,
        ]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
}

@Suite("docs/reference/settings.md lists the settings as they are declared")
struct SettingsReferenceTests {
    private static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/reference/settings.md")

    @Test("a row for each setting, in the order of the program, and no other", arguments: Program.allCases)
    func rows(program: Program) throws {
        let reference = SettingsReference(try String(contentsOf: Self.page, encoding: .utf8))
        let written = reference.sections[SettingsReference.title(of: program)] ?? []
        let declared = program.settings.map(SettingsReference.row)
        let missing = declared.filter { !written.contains($0) }
        let strangers = written.filter { !declared.contains($0) }
        #expect(missing.isEmpty, "docs/reference/settings.md lacks:\n\(missing.joined(separator: "\n"))")
        #expect(
            strangers.isEmpty, "docs/reference/settings.md has, and should not:\n\(strangers.joined(separator: "\n"))")
        let isInOrder = written.filter(declared.contains) == declared.filter(written.contains)
        #expect(isInOrder, "the rows of \(program.rawValue) stand in another order than the settings")
    }

    @Test("no section for a program that does not exist")
    func sections() throws {
        let reference = SettingsReference(try String(contentsOf: Self.page, encoding: .utf8))
        #expect(Set(reference.sections.keys) == Set(Program.allCases.map(SettingsReference.title)))
    }

    @Test("a changed default is another row")
    func differences() throws {
        let setting = try #require(Program.server.setting(named: "server.port"))
        #expect(
            SettingsReference.row(of: setting)
                == "| `server.port` | `CERTCTL_SERVER_PORT` | int | 8443 | TCP port of the HTTPS listener. |"
        )
    }
}
