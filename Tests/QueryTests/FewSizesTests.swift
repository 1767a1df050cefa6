import Query
import Testing

@Suite("Rows of a statement come in few numbers")
struct FewSizesTests {
    @Test(
        "runs are powers of two, the longest first, and hold every row once and in its order",
        arguments: [
            (0, []), (1, [1]), (2, [2]), (7, [4, 2, 1]), (31, [16, 8, 4, 2, 1]), (32, [32]), (33, [32, 1]),
            (100, [32, 32, 32, 4]),
        ] as [(Int, [Int])])
    func runs(count: Int, lengths: [Int]) {
        let runs = Array(0..<count).inFewSizes(upTo: 32)
        #expect(runs.map(\.count) == lengths)
        #expect(runs.flatMap { $0 } == Array(0..<count))
    }
}
