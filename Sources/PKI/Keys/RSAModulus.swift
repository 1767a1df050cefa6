/// Checks of RSA public values that need arithmetic but no secrets (protocol-servers §8.4).
enum RSAModulus {
    static let sizes = 2048...8192

    /// Throws unless the modulus has an accepted size, is odd, and has neither small factors nor the ROCA mark nor
    /// primes that lie close together.
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
        let number = Natural(bigEndian: magnitude)
        try checkResidues(number)
        guard !CloseFactors.areFound(in: number) else {
            throw .weak("the primes of the RSA modulus lie close together (CVE-2022-26320)")
        }
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

    /// Small factors (NIST SP 800-89 §5.3.3); and CVE-2017-15361: every residue lies in the subgroup that 65537
    /// generates.
    private static func checkResidues(_ modulus: Natural) throws(KeyError) {
        var looksLikeROCA = true
        for (prime, subgroup) in residueTable {
            let residue = modulus % prime
            guard residue != 0 else { throw .weak("RSA modulus is divisible by \(prime)") }
            if looksLikeROCA, let subgroup { looksLikeROCA = subgroup[Int(residue)] }
        }
        guard !looksLikeROCA else { throw .weak("RSA modulus comes from the ROCA generator (CVE-2017-15361)") }
    }

    /// The odd primes through 751; with what the flawed generator leaves modulo those through 167.
    private static let residueTable: [(prime: UInt32, subgroup: [Bool]?)] = {
        let odd = stride(from: UInt32(3), through: 751, by: 2)
        let primes = odd.filter { number in !odd.prefix { $0 * $0 <= number }.contains { number % $0 == 0 } }
        return primes.map { prime in
            guard prime <= 167 else { return (prime, nil) }
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
