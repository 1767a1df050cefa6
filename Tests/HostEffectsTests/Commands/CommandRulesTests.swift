import HostEffects
import Testing

@Suite("Targets §3: commands are argument vectors, never shell text")
struct CommandRulesTests {
    static let metacharacters: [Character] = [
        ";", "|", "&", "$", "`", "(", ")", "{", "}", "<", ">", "\\", "\"", "'", "*", "?", "[", "]", "~", "\n", "\r",
        "\u{0}", "\u{1B}", "\u{7F}", "\u{A0}", "\u{2024}", "\u{FF1B}", "ö",
    ]

    @Test("every metacharacter is refused at every position", arguments: metacharacters)
    func metacharacter(_ character: Character) {
        let command = Array("nginx -s reload")
        for position in 0...command.count {
            var text = command
            text.insert(character, at: position)
            let line = String(text)
            #expect(throws: CommandViolation.self, "\(line)") { try CommandRules.argumentVector(.line(line)) }
            let vector = ["nginx", "-s", line]
            #expect(throws: CommandViolation.self, "\(vector)") { try CommandRules.argumentVector(.vector(vector)) }
        }
    }

    @Test("a line is split at white space, a vector keeps its spaces")
    func splitting() throws {
        #expect(try CommandRules.argumentVector(.line("  nginx   -s\treload ")) == ["nginx", "-s", "reload"])
        let vector = ["nginx", "-c", "/etc/my nginx/nginx.conf"]
        #expect(try CommandRules.argumentVector(.vector(vector)) == vector)
    }

    @Test("the violation names the character and its place")
    func violation() {
        #expect(throws: CommandViolation.forbiddenCharacter("';' (U+003B)", position: 5)) {
            try CommandRules.argumentVector(.line("nginx; reboot"))
        }
    }

    @Test(
        "a program needs a name that is one",
        arguments: [
            CommandText.line(""), .line("   "), .vector([]), .vector([""]), .vector(["", "-t"]), .line("-t nginx"),
            .line("./nginx"), .line("bin/nginx"), .vector(["my nginx"]),
        ])
    func program(_ command: CommandText) {
        #expect(throws: CommandViolation.self) { try CommandRules.argumentVector(command) }
    }

    @Test("1024 characters pass, 1025 do not, in either form")
    func length() throws {
        let longest = "nginx " + String(repeating: "a", count: 1018)
        #expect(try CommandRules.argumentVector(.line(longest)).count == 2)
        #expect(throws: CommandViolation.tooLong(limit: 1024)) {
            try CommandRules.argumentVector(.line(longest + "a"))
        }
        #expect(throws: CommandViolation.tooLong(limit: 1024)) {
            try CommandRules.argumentVector(.vector(["nginx"] + Array(repeating: "aaaa", count: 204)))
        }
    }
}
