package import Domain
@_spi(_Unicode) import Swift

/// What a password may be (security §6, NIST SP 800-63B-4 §3.1.1.2): long enough, and not one that anybody tries first.
package enum PasswordForm {
    /// Octets of a password that is the only factor.
    package static let shortestAlone = 15
    /// Octets of a password beside a second factor.
    package static let shortest = 12
    package static let longest = 256

    /// Words around which the passwords of the usual lists are built.
    private static let obvious = [
        "password", "passwort", "passw0rd", "p@ssw0rd", "certctl", "letmein", "welcome", "administrator", "changeme",
        "qwerty", "qwertz", "azerty", "iloveyou", "breakglass", "break-glass", "0123456789", "1234567890", "abcdefghij",
    ]

    /// The octets that are hashed: NFC, so that the same characters are the same password on every keyboard.
    package static func normalised(_ password: Secret) -> Secret {
        password.withText { text in
            var scalars = String.UnicodeScalarView()
            for scalar in text._nfc { scalars.append(scalar) }
            return Secret(String(scalars))
        }
    }

    /// Why a password is refused; `nil` when it is not.
    package static func fault(of password: Secret, actor: String, isOnlyFactor: Bool) -> String? {
        let normal = normalised(password)
        let least = isOnlyFactor ? shortestAlone : shortest
        guard (least...longest).contains(normal.count) else {
            return "must have \(least) to \(longest) octets"
        }
        return normal.withText { text in
            let small = text.lowercased()
            guard Set(small).count >= 5 else { return "repeats a few characters" }
            let name = actor.lowercased()
            let own = name.dropFirst(3)
            // A name of a few letters is part of many words.
            guard !small.contains(name), own.count < 4 || !small.contains(own) else {
                return "contains the name of the account"
            }
            // What is left beside the obvious words has to carry the password.
            var rest = small
            for word in obvious { rest = rest.without(word) }
            return rest.unicodeScalars.count < least - 4 ? "is built around a word that everybody tries" : nil
        }
    }
}

extension String {
    fileprivate func without(_ word: String) -> String {
        var kept = ""
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(word) {
                rest = rest.dropFirst(word.count)
            } else {
                kept.append(rest.removeFirst())
            }
        }
        return kept
    }
}
