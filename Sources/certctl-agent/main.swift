import AgentRuntime

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

exit(await AgentProgram.run(Array(CommandLine.arguments.dropFirst())))
