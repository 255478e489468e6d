// What the bench's programs share: one command line, the same checks, the report at the end.
//
//   PROGRAM ENDPOINT CA_FILE TOKEN produce|fetch[:RECORDS]|stream|idle|token COUNT
//
// produce and fetch make COUNT requests one after the other on one connection. stream reads a partition from
// its beginning to its end: COUNT reads, each with records of its own; hdikafka alone looks where these are.
// idle makes one fetch on each of COUNT connections and leaves them open. token makes one fetch, then gets
// the token that lies in the cache COUNT times, as every call does first (hdikafka alone).
#ifndef HDIKAFKA_BENCH_HPP
#define HDIKAFKA_BENCH_HPP

#include <sys/resource.h>
#include <sys/stat.h>

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

/// The value of the one record that a produce sends.
inline std::string const record_value(150, 'x');

/// What the program was asked for.
class task
{
public:
    explicit task(char** arguments)
        : endpoint(arguments[1]),
          ca_file(arguments[2]),
          token(arguments[3]),
          mode(arguments[4]),
          count(std::stoi(arguments[5]))
    {
        if (auto const colon = mode.find(':'); colon != std::string::npos) {
            records = std::stoi(mode.substr(colon + 1));
            mode.resize(colon);
        }
        std::string_view constexpr scheme = "https://";
        auto const colon = endpoint.rfind(':');
        if (endpoint.substr(0, scheme.size()) != scheme || colon <= scheme.size())
            throw std::invalid_argument("the endpoint must be https://HOST:PORT");
        host = endpoint.substr(scheme.size(), colon - scheme.size());
        port = endpoint.substr(colon + 1);
        if (mode != "produce" && mode != "fetch" && mode != "stream" && mode != "idle" && mode != "token")
            throw std::invalid_argument("the mode must be produce, fetch, stream, idle or token");
    }

    /// The topic that is read has as many records as one read asks for, from offset 0 on; that of a stream
    /// has what COUNT of them ask for, from an offset on that has as many digits as all that follow.
    std::string topic() const
    {
        if (!streams())
            return "records-" + std::to_string(records);
        std::string const reads = std::to_string(count);
        return "stream-" + std::string(reads.size() < 4 ? 4 - reads.size() : 0, '0') + reads;
    }

    bool produces() const { return mode == "produce"; }
    bool streams() const { return mode == "stream"; }

    /// Where the nth request begins to read.
    int offset(int nth) const { return streams() ? 1'000'000 + nth * records : 0; }

    /// Of the nth request.
    std::string path(int nth) const
    {
        if (produces())
            return "/v1/producer/topics/" + topic();
        return "/v1/consumer/topics/" + topic() + "/partitions/0/offsets/" + std::to_string(offset(nth)) +
               "?count=" + std::to_string(records);
    }

    std::string endpoint;
    std::string host;
    std::string port;
    std::string ca_file;
    std::string token;
    std::string mode;
    int records = 100;
    int count;
};

inline void require(bool holds, char const* what)
{
    if (!holds)
        throw std::runtime_error(what);
}

/// To be called while the connections are open.
inline void report()
{
    int sockets = 0;
    for (int descriptor = 0; descriptor < getdtablesize(); ++descriptor) {
        struct stat about = {};
        sockets += fstat(descriptor, &about) == 0 && S_ISSOCK(about.st_mode);
    }
    std::size_t pages = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    auto const heap = mallinfo2();
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    auto const microseconds = [](timeval time) { return time.tv_sec * 1'000'000L + time.tv_usec; };
    std::printf("sockets=%d heap_bytes=%zu resident_bytes=%zu cpu_us=%ld\n", sockets,
                heap.uordblks + heap.hblkhd, resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)),
                microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
}

/// The whole of main(): `measured` does what the task says, and calls report().
template <class Measured>
int run(int argc, char** argv, Measured measured)
{
    try {
        require(argc == 6,
                "usage: PROGRAM ENDPOINT CA_FILE TOKEN produce|fetch[:RECORDS]|stream|idle|token COUNT");
        measured(task(argv));
        return 0;
    } catch (std::exception const& failure) {
        std::fprintf(stderr, "%s: %s\n", argv[0], failure.what());
        return 1;
    }
}

} // namespace bench

#endif
