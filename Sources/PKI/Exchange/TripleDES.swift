/// Triple DES in CBC mode (FIPS 46-3), which older key stores are encrypted with; nothing else uses it.
enum TripleDES {
    static let blockLength = 8
    static let keyLength = 24

    /// - `key`: 24 octets.
    /// - `iv`: 8 octets.
    static func encryptCBC(_ plaintext: [UInt8], key: [UInt8], iv: [UInt8]) -> [UInt8] {
        let schedules = schedules(key)
        return BlockMode.encryptCBC(plaintext, blockLength: blockLength, iv: iv) { block in
            var word = word(block)
            word = crypt(word, schedules[0])
            word = crypt(word, schedules[1].reversed())
            return octets(crypt(word, schedules[2]))
        }
    }

    /// `nil` when length or padding are not those of a message that was encrypted with the key.
    static func decryptCBC(_ ciphertext: [UInt8], key: [UInt8], iv: [UInt8]) -> [UInt8]? {
        let schedules = schedules(key)
        return BlockMode.decryptCBC(ciphertext, blockLength: blockLength, iv: iv) { block in
            var word = word(block)
            word = crypt(word, schedules[2].reversed())
            word = crypt(word, schedules[1])
            return octets(crypt(word, schedules[0].reversed()))
        }
    }

    private static func schedules(_ key: [UInt8]) -> [[UInt64]] {
        (0..<3).map { schedule(word(key[8 * $0..<8 * $0 + 8])) }
    }

    private static func word(_ octets: some Collection<UInt8>) -> UInt64 {
        octets.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func octets(_ word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
    }

    /// Picks the bits that `table` names, counted from one at the most significant end of `width` bits.
    private static func permute(_ value: UInt64, width: Int, _ table: [UInt8]) -> UInt64 {
        var result: UInt64 = 0
        for position in table { result = result << 1 | (value >> (width - Int(position)) & 1) }
        return result
    }

    /// Sixteen round keys of 48 bits.
    private static func schedule(_ key: UInt64) -> [UInt64] {
        let chosen = permute(key, width: 64, choice1)
        var (left, right) = (chosen >> 28, chosen & 0x0FFF_FFFF)
        func turn(_ half: UInt64, by count: UInt8) -> UInt64 {
            (half << count | half >> (28 - count)) & 0x0FFF_FFFF
        }
        return shifts.map { count in
            left = turn(left, by: count)
            right = turn(right, by: count)
            return permute(left << 28 | right, width: 56, choice2)
        }
    }

    private static func crypt(_ block: UInt64, _ keys: [UInt64]) -> UInt64 {
        let mixed = permute(block, width: 64, initial)
        var (left, right) = (mixed >> 32, mixed & 0xFFFF_FFFF)
        for key in keys {
            let spread = permute(right, width: 32, expansion) ^ key
            var boxed: UInt64 = 0
            for box in 0..<8 {
                let six = Int(spread >> (42 - 6 * box) & 0x3F)
                let row = six >> 4 & 2 | six & 1
                boxed = boxed << 4 | UInt64(boxes[box][row << 4 | six >> 1 & 0xF])
            }
            (left, right) = (right, left ^ permute(boxed, width: 32, mixing))
        }
        return permute(right << 32 | left, width: 64, final)
    }

    // MARK: Tables of the standard

    private static let initial: [UInt8] = (0..<64).map { (index: Int) -> UInt8 in
        let rows = [2, 4, 6, 8, 1, 3, 5, 7]
        return UInt8(56 + rows[index / 8] - 8 * (index % 8))
    }
    private static let final: [UInt8] = {
        var inverse = [UInt8](repeating: 0, count: 64)
        for (index, position) in initial.enumerated() { inverse[Int(position) - 1] = UInt8(index + 1) }
        return inverse
    }()
    private static let expansion: [UInt8] = (0..<48).map { (index: Int) -> UInt8 in
        let position = 4 * (index / 6) + index % 6
        return UInt8((position + 31) % 32 + 1)
    }
    private static let mixing: [UInt8] = [
        16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
        2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
    ]
    private static let choice1: [UInt8] = [
        57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
        63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
    ]
    private static let choice2: [UInt8] = [
        14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
        41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
    ]
    private static let shifts: [UInt8] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
    private static let boxes: [[UInt8]] = [
        [
            14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
            4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
        ],
        [
            15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
            0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
        ],
        [
            10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
            13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
        ],
        [
            7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
            10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
        ],
        [
            2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
            4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
        ],
        [
            12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
            9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
        ],
        [
            4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
            1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
        ],
        [
            13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
            7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
        ],
    ]
}

/// Cipher block chaining with the padding of PKCS#7 (RFC 5652 §6.3), over any block cipher.
enum BlockMode {
    static func encryptCBC(
        _ plaintext: [UInt8], blockLength: Int, iv: [UInt8], _ encrypt: ([UInt8]) -> [UInt8]
    ) -> [UInt8] {
        let padding = blockLength - plaintext.count % blockLength
        let padded = plaintext + [UInt8](repeating: UInt8(padding), count: padding)
        var (out, previous): ([UInt8], [UInt8]) = ([], iv)
        for start in stride(from: 0, to: padded.count, by: blockLength) {
            previous = encrypt(zip(padded[start..<start + blockLength], previous).map { $0 ^ $1 })
            out += previous
        }
        return out
    }

    static func decryptCBC(
        _ ciphertext: [UInt8], blockLength: Int, iv: [UInt8], _ decrypt: ([UInt8]) -> [UInt8]
    ) -> [UInt8]? {
        guard !ciphertext.isEmpty, ciphertext.count % blockLength == 0 else { return nil }
        var (out, previous): ([UInt8], ArraySlice<UInt8>) = ([], iv[...])
        for start in stride(from: 0, to: ciphertext.count, by: blockLength) {
            let block = ciphertext[start..<start + blockLength]
            out += zip(decrypt(Array(block)), previous).map { $0 ^ $1 }
            previous = block
        }
        guard let last = out.last, (1...UInt8(blockLength)).contains(last),
            out.suffix(Int(last)).allSatisfy({ $0 == last })
        else { return nil }
        return out.dropLast(Int(last))
    }
}
