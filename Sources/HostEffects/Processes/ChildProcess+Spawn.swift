#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ChildProcess {
    /// Starts the program in a process group of its own, with default signal handling.
    static func spawn(argv: [String], environment: [String: String], output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        for descriptor in 3..<descriptorBound() { posix_spawn_file_actions_addclose(&actions, descriptor) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
        )

        var child: pid_t = 0
        let status = withCStrings(argv) { arguments in
            withCStrings(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) { variables in
                posix_spawn(&child, argv[0], &actions, &attributes, arguments, variables)
            }
        }
        guard status == 0 else { throw ProcessStartError(program: argv[0], systemError: status) }
        return child
    }

    /// A number above every open descriptor, with room for those that other threads open meanwhile.
    ///
    /// Closing one that is not open is no error as long as it is below the resource limit.
    private static func descriptorBound() -> Int32 {
        var limit = rlimit()
        let most = getrlimit(openFilesLimit, &limit) == 0 ? Int32(clamping: limit.rlim_cur) : 1024
        let names = (try? FileSystem.live.list("/proc/self/fd")) ?? []
        let highest = names.compactMap { Int32($0) }.max() ?? 255
        return min(most, highest + 256)
    }

    private static func withCStrings<Result>(
        _ texts: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { (list + index).initialize(to: strdup(text)) }
        (list + texts.count).initialize(to: nil)
        defer {
            for index in texts.indices { free(list[index]) }
            list.deallocate()
        }
        return body(list)
    }
}

#if canImport(Glibc)
    private let openFilesLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
#else
    private let openFilesLimit = RLIMIT_NOFILE
#endif
