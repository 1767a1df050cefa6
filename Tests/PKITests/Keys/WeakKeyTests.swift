import Encoding
import PKI
import Testing

/// Moduli that were made for these tests: primes from a seeded generator, two by two.
private enum Moduli {
    /// Two primes with none between them.
    static let neighbours = octets(
        """
        faf89725b09a03f2e1bb434bbcf16b5a381f59626632da1590b1f23a06912ee59ba45d259a08bb1d4d8b528dbf57d86d2787
        65d8a728d5970e62368de0b4b43d3c452dce45fb1e97706a271d46138f62cc7d678ac76e9b0c82ec88130bedd6c7056f184c
        5c7cb642e98116ebe66d6ffdbf0daf22b468725ea0d90660f9638af098023b248b07478fb5e0704a790ace6ff4c83a3f22d8
        b8dcc4b9201c66d8e28d9fcedb67180e6a58de218177c44e03cee54b6e43f489a51e9bc0fef06e31799dc2c6dd0cf99d55a7
        523abc6363ea64a027c6b9b4b8c929545e52526dbe94cd1687d4e3ae2c1e5951e5a86ccab4dc300d5d76474cc472e3391772
        66245b84fc65
        """)

    /// Primes 2^516 apart: found after 33 rounds.
    static let near = octets(
        """
        e33b6e9facd36c77f16cba606799d5b2c69e2fef714eca70f6de74de2e7074d691f5f3ef33ab284a72c6c7adf6129c06c260
        1a2c5c1b655cfff381917c6a69668b9a37a53359d30b1ac6a5b91c7f5c17a3c610b42b70530233951a4657589e3ffeca2b93
        ec88592723617c32914a4e6be19fcb74caeeffde4350c41d57daf3ef134c5222df993b42cc6211cc1ad2ebb4bea5172bbe50
        c18b1f667c03cc32714db0bd38d97e8b3ef425105ad9149456132b3d998e887a2d48e45d00fa61663d37c21f147c5bf9250d
        a9042709a60ba82e1086c0f5454004f0a658ef2e8565448a823ae58c82733357611e1314e478da0902388ec94ee19bd18bf2
        5c5f01db7ced
        """)

    /// Primes 2^519 apart, which 100 rounds do not find.
    static let far = octets(
        """
        ceb2ffeb825a2a0d1375b515d439087d7b9dee03c1b046a92f514e2cdde07f8353ce97fa291f1b338e86d1fe1102e1a500d6
        51f78de3e299eb668e13437aa5290223bcdbc7ec756955dde3d946375e05d4693133b2206da335a37ec91474d0f85c9ad8f6
        de3d45cf6cdf9a23d3e9e579a9d70e0440695d6cb815e545c33a535d0ebafcdd708f5786ad439269bc20a74fd454ee12a2a5
        1f7b6a8dafee7d1cc88341f70f478288d951f44b83cbb5949ea5b02daa49d5bee8ef2a98a44abb1b83cd0f251f509257033a
        00f6b5b6b12fd0a187bd7de9699dcdcf3ae9d1380b2a0caa8becb4d20a548187b911b9e518c3b630088d550027732413d8ba
        e9e341e6c375
        """)

    /// Two primes of 1536 bits with none between them.
    static let longNeighbours = octets(
        """
        9916c1f9e47882a568dd6f46ab025d5a7de905db87af5332807e0520e50e8b3897c11b1a918a14829a88da61eb91c8032e3f
        f9e3d03059895c921f28598d899b93415f091924c5327cf6ed2e1b0a846aeba38649c9153d180029690ac327094eca0f5a23
        167622bfb9935dbd8b40def6bb63fe3f91195d645f95280cbd801c31d9cdf89072c7837b8a4bab71bccdb3d4685d63706d68
        5c1331a283c2319ec7d3c79a34b0220502190fad3ab5c615ea077c9e83de54bf8c2597eec6214b702e30566d9ab9ae45291b
        9aeb5f106cf8e7eeb280e8d272660ff9206c4cbab260cc513302538f28655f21b409c28512cee55967b9bd03abc8004f009f
        d1dbe019baedc3fc826f0355375ca4126535f80ace41c70469ddf723895c2b5f91a7a832e0e6b905f3a07d65cb6d6b671fb9
        c9168be111f7aa57c07b0540f6293cbdf90f9fdf624a6f7ad64ed099c88ef0d2623da12e037e56feddcf27774f267a677c77
        1a000c9f2e834db024fc60e5a675d1bf376be037e9765a98925247850cb92b1df4bd
        """)

    /// Primes of the form k · M + (65537^a mod M), M the product of the first 126 primes (CVE-2017-15361).
    static let roca = octets(
        """
        ce4ab5f59bd1a773a8ebec2d9bdb435ecbb3c03cb550614749ca21ba05c885364db3c4baf2985caaef382097a069e7770e31
        bdcca40ec2d5519c03d01d0697c9734e2af4649eb37d42b9d7af4054612a94b5e6c3627ae684d36b323e4a6d335a3fa07b97
        18a9963c95cc5907c308000ec65605734520fe85ae83b275a9cf857c4f5217e2b92f3e9b861a04e033b8dd901db57d081fce
        d18cce2ebc576b38ea326fbe8a6bb814133cc1500f675d3ec1a19ef6d36540dca038068054d5f8836be3bb350a3d576d006f
        00eb10988ab7b0cbb877fe86e864208aee22963fcd4535efeb3e4fb8d8b5aa068485189564fb1942074168dc04380b67b1c2
        a48a54d5995f
        """)

    /// With the factor 751.
    static let smallFactor = octets(
        """
        f4f7d336e55ecd24ac95dade806e39f073f7a83dc931a003ae5330c4a62161ac4a06195405e335bba97eb4005c76525451d7
        f2d178e9be226cee18f673b5f4c5f46a729d6f1d3f54c048fbbf934d1a4a2933ebcad6dcbbafcdfd467cc14072bb8c202434
        97487fe3392da70877176ef1a8603be91558b324a516313e99565d6be03979b3b5a65e3264b1f350c8a71b27641b606d419a
        63f99af766f986d09fb2b342d4526f4b4cb27acb7ab929b24f2c5bc42bd38cc019fd3a054e7a184e562cc0edef3f22c10d39
        6025cfef4a4b92cc0c66d2767874a04d9310e5ed70d67192e51dc8be65ae507f7fa354d19273956c990a965b1f40110fce02
        0ed1f379798b
        """)

    /// The square of a number.
    static let square = octets(
        """
        ffa84e3703f2ba4f78d0244b5fb7f6742190e235050d862b535d1f9ecaf7c906bdee0c9a6d900ade99ec84a5945f08ec923c
        e8a4bacb7f572bdd730af231e63aa4fe9e20216c416b8f1935be39486ed782ed8bf41b2b8ee65980eda58fe795797dac67d4
        6650b27e0691678682656ddfae2e1aabd723a01cc076de132c5bf7467595ad2033462d7fe5b31c5084cd2c443e62f05860ac
        70f12255898132c6ab3e95e237f5c6e2f8519d6fe5e3641aa6476eb7652e4e9d724cb68eccd83df075e6138ea3ed7908145d
        3dafc2edb37f178954e2fc2818fbca720fffc3fb4be9fe2cc5675c667117ff96e215430da283c6d9a2cb415c69b1169b7d47
        8cd4ffc8dbb1
        """)

    /// Two neighbours of 1040 bits without small factors.
    static let odd = octets(
        """
        9f7bf028834e956c7b085d2fd1142c5648234418a07ef56539ca563c97f3f2bed957e0bb3eb29ad3a63711b9f8d6d895a6ad
        cdd4d5d20a27dfa722211434530d99e73108a67ac1f24959da30c493d1e18656de37d072bba955f6d8c9a36523253246597b
        729a48d9d5fcc2616099c22f12d0df6dd7b23e6e41f3ed9cd08cf9c1dcd3ae1eaa8c0720568689a455a782c31fa8444b891a
        3b355b189926bb1077fa3b5d7227f6603f01c0aa34b4a6987ad1dadb2e94befb788e8daae64ac5ccbe65a9f4743f36832e54
        6fd57de018dd119686e7814f6aac91fdb46420d1425458b541e0379ed4147e317d460c936d208c6499fb2ba17e6d7d6e4944
        4f79c58755a164674501
        """)

    /// The same of 1031 bits.
    static let uneven = octets(
        """
        2d90bb13697c9a79804354f807653d9e4d7aebb767400efb89706996d7fbbb7ef5c385ca21ec21c5d0e0b8332b0624b677dd
        51504f7c824d435a354af299cc11465085c8822f17b458acfbdf49e56377a5f042398ed30ed9b80d0dc9a211ac78fe32177b
        dbbe7ebec12099fc57e8c20c7a38703aa1a1e5bd729dfdc8e01f7aa9ac0cad7b39105601bdbaf6eeb31311ea6bca5e8c9c0b
        762e7fc9e0ba9661738b6564ab84a36b5c5b26117a2477a3cc75c717b21b247889d847b6ef35f8249974cbd01e8e03f88a15
        5a14e4813de73d6f6b591e8e73196cb5b76296a48170628adf6d9f33becda574cc455399d129c003a918214e8ccb5f3d0592
        7132802d88f1e5d9
        """)

    private static func octets(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap { $0.hexDigitValue.map(UInt8.init) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

@Suite("protocol servers §8.4: keys that are weak by their numbers")
struct WeakKeyTests {
    private static let exponent: [UInt8] = [1, 0, 1]

    private static func fault(_ modulus: [UInt8], exponent: [UInt8] = exponent) -> KeyError? {
        do throws(KeyError) {
            _ = try SubjectPublicKey(rsaModulus: modulus, exponent: exponent)
            return nil
        } catch {
            return error
        }
    }

    @Test("moduli with close primes, small factors and of the ROCA generator are refused by name")
    func moduli() throws {
        let close = KeyError.weak("the primes of the RSA modulus lie close together (CVE-2022-26320)")
        #expect(Self.fault(Moduli.neighbours) == close)
        #expect(Self.fault(Moduli.near) == close)
        #expect(Self.fault(Moduli.longNeighbours) == close)
        #expect(Self.fault(Moduli.square) == close)
        #expect(Self.fault(Moduli.odd) == close)
        #expect(Self.fault(Moduli.uneven) == close)
        #expect(Self.fault(Moduli.far) == nil)
        #expect(Self.fault(Moduli.smallFactor) == .weak("RSA modulus is divisible by 751"))
        #expect(
            Self.fault(Moduli.roca) == .weak("RSA modulus comes from the ROCA generator (CVE-2017-15361)"))
    }

    @Test(
        "exponents below 65537, even ones and those that are no number of 32 bits are refused",
        arguments: [[1], [3], [0x11], [1, 0, 0], [0, 0xFF, 0xFE], [1, 0, 0, 0, 1]] as [[UInt8]])
    func exponents(_ exponent: [UInt8]) { #expect(Self.fault(Moduli.far, exponent: exponent) != nil) }

    @Test("keys that are made here are not taken for weak ones", arguments: [KeySpec.rsa2048, .rsa3072, .rsa4096])
    func good(_ spec: KeySpec) throws {
        let key = try PrivateKey.generate(spec).publicKey
        #expect(try SubjectPublicKey(spkiDER: key.spkiDER) == key)
    }

    @Test("thumbprints are those of RFC 7638 §3.1 and RFC 8037 appendix A.3; what no account can have has none")
    func thumbprints() throws {
        let modulus = """
            0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3o\
            knjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZH\
            zu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEg\
            U8awapJzKnqDKgw
            """
        let rsa = try SubjectPublicKey(
            rsaModulus: try #require(Base64URL.decode(modulus)), exponent: Self.exponent)
        #expect(rsa.jwkThumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        let ed25519 = try SubjectPublicKey(
            ed25519: try #require(Base64URL.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")))
        #expect(ed25519.jwkThumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        #expect(try PrivateKey.generate(.mlDSA65).publicKey.jwkThumbprint == nil)
    }
}
