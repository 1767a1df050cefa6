/// Checks of RSA public values that need arithmetic but no secrets (protocol-servers §8.4).
enum RSAModulus {
    static let sizes = 2048...8192

    /// Throws unless the modulus has an accepted size, is odd, and has neither small factors nor the ROCA mark.
    static func check(modulus: ArraySlice<UInt8>, exponent: ArraySlice<UInt8>) throws(KeyError) {
        let magnitude = modulus.drop { $0 == 0 }
        guard let first = modulus.first, first < 0x80, let top = magnitude.first, let last = magnitude.last else {
            throw .malformed("RSA modulus must be positive")
        }
        let bits = magnitude.count * 8 - top.leadingZeroBitCount
        guard bits >= sizes.lowerBound else {
            throw .weak("RSA-\(bits); at least \(sizes.lowerBound) bits are required")
        }
        guard bits <= sizes.upperBound else { throw .unsupported("RSA-\(bits) (limit \(sizes.upperBound) bits)") }
        guard last & 1 == 1 else { throw .weak("RSA modulus is even") }
        try checkExponent(exponent)
        try checkResidues(magnitude)
    }

    static func bitCount(_ modulus: ArraySlice<UInt8>) -> Int {
        let magnitude = modulus.drop { $0 == 0 }
        guard let top = magnitude.first else { return 0 }
        return magnitude.count * 8 - top.leadingZeroBitCount
    }

    private static func checkExponent(_ exponent: ArraySlice<UInt8>) throws(KeyError) {
        let magnitude = exponent.drop { $0 == 0 }
        guard let first = exponent.first, first < 0x80, magnitude.count <= 4 else {
            throw .unsupported("RSA with an exponent of more than 32 bits")
        }
        let value = magnitude.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard value >= 65_537, value & 1 == 1 else {
            throw .weak("RSA public exponent \(value); it must be odd and at least 65537")
        }
    }

    /// Small factors; and CVE-2017-15361: every residue lies in the subgroup that 65537 generates.
    private static func checkResidues(_ magnitude: ArraySlice<UInt8>) throws(KeyError) {
        var looksLikeROCA = true
        for (prime, subgroup) in residueTable {
            let residue = magnitude.reduce(UInt32(0)) { ($0 << 8 | UInt32($1)) % prime }
            guard residue != 0 else { throw .weak("RSA modulus is divisible by \(prime)") }
            if !subgroup[Int(residue)] { looksLikeROCA = false }
        }
        guard !looksLikeROCA else { throw .weak("RSA modulus comes from the ROCA generator (CVE-2017-15361)") }
    }

    private static let residueTable: [(prime: UInt32, subgroup: [Bool])] = {
        let primes: [UInt32] = [
            3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
            107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
        ]
        return primes.map { prime in
            var members = [Bool](repeating: false, count: Int(prime))
            var power: UInt32 = 1
            repeat {
                members[Int(power)] = true
                power = power * (65_537 % prime) % prime
            } while !members[Int(power)]
            return (prime, members)
        }
    }()
}
