import Domain
import Testing

@Suite("RFC 3492: Unicode in letters, digits and hyphens")
struct PunycodeTests {
    /// §7.1: code points where they are hard to read, and what stands for them; digits in lower case.
    static let points: [(String, String)] = [
        ("644 64A 647 645 627 628 62A 643 644 645 648 634 639 631 628 64A 61F", "egbpdaj6bu4bxfgehfvwxn"),
        ("4ED6 4EEC 4E3A 4EC0 4E48 4E0D 8BF4 4E2D 6587", "ihqwcrb4cv8a8dqg056pqjye"),
        ("4ED6 5011 7232 4EC0 9EBD 4E0D 8AAA 4E2D 6587", "ihqwctvzc91f659drss3x8bo0yb"),
        (
            "5DC 5DE 5D4 5D4 5DD 5E4 5E9 5D5 5D8 5DC 5D0 5DE 5D3 5D1 5E8 5D9 5DD 5E2 5D1 5E8 5D9 5EA",
            "4dbcagdahymbxekheh6e0a7fei0b"
        ),
        (
            "92F 939 932 94B 917 939 93F 928 94D 926 940 915 94D 92F 94B 902 928 939 940 902 92C 94B 932 938 915 924 947"
                + " 939 948 902", "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd"
        ),
        (
            "306A 305C 307F 3093 306A 65E5 672C 8A9E 3092 8A71 3057 3066 304F 308C 306A 3044 306E 304B",
            "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"
        ),
        (
            "C138 ACC4 C758 BAA8 B4E0 C0AC B78C B4E4 C774 D55C AD6D C5B4 B97C C774 D574 D55C B2E4 BA74 C5BC B9C8 B098"
                + " C88B C744 AE4C", "989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c"
        ),
        (
            "43F 43E 447 435 43C 443 436 435 43E 43D 438 43D 435 433 43E 432 43E 440 44F 442 43F 43E 440 443 441 441 43A"
                + " 438", "b1abfaaepdrnnbgefbadotcwatmq2g4l"
        ),
    ]

    static let texts: [(String, String)] = [
        ("Pro\u{10D}prost\u{11B}nemluv\u{ED}\u{10D}esky", "Proprostnemluvesky-uyb24dma41a"),
        ("Porqu\u{E9}nopuedensimplementehablarenEspa\u{F1}ol", "PorqunopuedensimplementehablarenEspaol-fmd56a"),
        (
            "T\u{1EA1}isaoh\u{1ECD}kh\u{F4}ngth\u{1EC3}ch\u{1EC9}n\u{F3}iti\u{1EBF}ngVi\u{1EC7}t",
            "TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g"
        ),
        ("3年B組金八先生", "3B-ww4c5e180e575a65lsy2b"),
        ("安室奈美恵-with-SUPER-MONKEYS", "-with-SUPER-MONKEYS-pc58ag80a8qai00g7n9n"),
        ("Hello-Another-Way-それぞれの場所", "Hello-Another-Way--fc4qua05auwb3674vfr0b"),
        ("ひとつ屋根の下2", "2-u9tlzr9756bt3uc0v"), ("MajiでKoiする5秒前", "MajiKoi5-783gue6qz075azm5e"),
        ("パフィーdeルンバ", "de-jg4avhby1noc0d"), ("そのスピードで", "d9juau41awczczp"),
        ("-> $1.00 <-", "-> $1.00 <--"), ("", ""),
    ]

    @Test("the samples of §7.1, both ways")
    func samples() throws {
        let listed = Self.points.map { points, encoded in
            (points.split(separator: " ").compactMap { UInt32($0, radix: 16).flatMap(Unicode.Scalar.init) }, encoded)
        }
        for (scalars, encoded) in listed + Self.texts.map({ (Array($0.unicodeScalars), $1) }) {
            #expect(String(decoding: try Punycode.encode(scalars), as: UTF8.self) == encoded)
            #expect(try Punycode.decode(Array(encoded.utf8)) == scalars, "\(encoded)")
            // §5: digits count in either case.
            let tail = encoded.lastIndex(of: "-").map { encoded.index(after: $0) } ?? encoded.startIndex
            let shouted = encoded[..<tail] + encoded[tail...].uppercased()
            #expect(try Punycode.decode(Array(shouted.utf8)) == scalars, "\(shouted)")
        }
    }

    @Test("numbers that end too soon or are too large, and octets that are no digits, are refused; nothing overflows")
    func malformed() {
        for (text, failure) in [
            ("b", Punycode.Failure.malformed), ("bcher-k", .malformed), ("a.b", .malformed), ("\u{E9}-a", .malformed),
            ("a_", .malformed), ("99999999", .outOfRange), ("9999999999999999", .outOfRange),
            ("0000000000000000000000", .outOfRange),
        ] {
            #expect(throws: failure, "\(text)") { try Punycode.decode(Array(text.utf8)) }
        }
        // A surrogate is no code point.
        #expect(throws: Punycode.Failure.outOfRange) { try Punycode.decode(Array("a-rc4g".utf8)) }
        // Whatever comes: an answer or a refusal, and what is read is written back when it is read again.
        var state: UInt64 = 0x2545_F491_4F6C_DD1D
        for _ in 0..<20_000 {
            var octets: [UInt8] = []
            repeat {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                octets.append(Array("abcdefghijklmnopqrstuvwxyz0123456789-".utf8)[Int(state % 37)])
            } while state % 13 != 0 && octets.count < 59
            guard let scalars = try? Punycode.decode(octets), let back = try? Punycode.encode(scalars) else { continue }
            #expect((try? Punycode.decode(back)) == scalars, "\(String(decoding: octets, as: UTF8.self))")
        }
    }
}
