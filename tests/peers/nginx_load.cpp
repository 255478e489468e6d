// Produces and reads through a proxy that is being reloaded and whose workers are killed, and compares what
// the calls said with what came through to the emulator behind the proxy. nginx.sh starts both of them.
//
//   nginx_load CERTIFICATE KEY [at-least-once]
//
// The certificate is the emulator's and the proxy's. On stdout: the emulator's port, the number of finished
// calls after every 25 of them, and at the end the figures. On stdin: the proxy's endpoint, "reload" or
// "kill" when the script does so, "enough" when it has. Ends with 1 if a record was lost or doubled in
// silence.
#include "support/emulator/served_emulator.hpp"

#include <hdikafka.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <openssl/ssl.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hk = hdikafka;
namespace net = hk::net;
using namespace std::chrono_literals;

namespace {

constexpr int coroutines = 16;
constexpr std::size_t connections = 12; // some calls wait for one that another call may leave broken
constexpr int threads = 2;
constexpr std::int32_t partitions = 3;
constexpr std::string_view topic = "load";

/// What goes over the client's connections, as OpenSSL tells it.
class wire
{
public:
    wire() = default;
    wire(wire const&) = delete;
    wire& operator=(wire const&) = delete;
    ~wire() { SSL_CTX_free(context_); }

    void watch(SSL_CTX* context)
    {
        SSL_CTX_up_ref(context);
        context_ = context;
        SSL_CTX_set_msg_callback(context, &wire::saw);
        SSL_CTX_set_msg_callback_arg(context, this);
    }

    /// Connections on which TLS was agreed upon.
    long connections() const { return SSL_CTX_sess_connect_good(context_); }
    /// Requests of which at least a part was written.
    long requests() const { return requests_; }

private:
    /// A request begins with the first data written since data was read. In TLS 1.3 every record looks like
    /// data; what it is stands inside.
    static void saw(int writing, int, int what, void const* bytes, std::size_t, SSL* session, void* self)
    {
        bool const tells_kind = SSL_version(session) == TLS1_3_VERSION ? what == SSL3_RT_INNER_CONTENT_TYPE
                                                                       : what == SSL3_RT_HEADER;
        if (!tells_kind || *static_cast<unsigned char const*>(bytes) != SSL3_RT_APPLICATION_DATA)
            return;
        static int const mark = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
        if (writing != 0 && SSL_get_ex_data(session, mark) == nullptr)
            ++static_cast<wire*>(self)->requests_;
        SSL_set_ex_data(session, mark, writing != 0 ? self : nullptr);
    }

    SSL_CTX* context_ = nullptr;
    std::atomic<long> requests_ = 0;
};

/// What the caller was told about one record. The record's value is its index among all of them.
class claim
{
public:
    std::optional<hk::persistence> persisted;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::string failure; ///< What the call failed with, if it did.
};

/// What all coroutines have been told.
class tally
{
public:
    explicit tally(bool duplicates_allowed) : at_least_once(duplicates_allowed) {}

    std::int64_t new_records(std::size_t count)
    {
        std::lock_guard const lock(mutex_);
        claims.resize(claims.size() + count);
        return static_cast<std::int64_t>(claims.size() - count);
    }

    void produced(std::int64_t first, std::size_t count, bool refused, hk::result<hk::receipt> const& told)
    {
        std::lock_guard const lock(mutex_);
        ++produces;
        refusals += refused ? 1 : 0;
        std::string const failure = told ? std::string() : failed(told.error(), refused);
        for (std::size_t i = 0; i < count; ++i) {
            claim& made = claims[static_cast<std::size_t>(first) + i];
            made.failure = failure;
            made.persisted = told ? told.value().persisted(i) : told.error().info().persisted();
            if (made.persisted != hk::persistence::done)
                continue;
            made.partition = told.value().partition(i).value();
            made.offset = told.value().offset(i).value();
        }
        finished_one();
    }

    void fetched(std::int64_t wanted, hk::result<hk::record_batch> const& told)
    {
        std::lock_guard const lock(mutex_);
        ++fetches;
        if (!told)
            failed(told.error(), false);
        else if (told.value().empty() || told.value()[0].value().as_int64() != wanted)
            ++wrong_reads;
        finished_one();
    }

    /// What the script says it is doing; failures from now on are put down to it.
    void now(std::string event)
    {
        std::lock_guard const lock(mutex_);
        ++events[event];
        event_ = std::move(event);
    }

    bool const at_least_once;
    std::vector<claim> claims;
    long produces = 0;
    long fetches = 0;
    long refusals = 0;     ///< Produces that the proxy was asked to refuse.
    long failed_reads = 0; ///< Fetches that failed: each could have been repeated.
    long wrong_reads = 0;
    long given_up = 0; ///< Produces that failed although they could have been repeated.
    std::map<std::string, long> events{{"reload", 0}, {"kill", 0}};
    std::map<std::string, long> failures; ///< By what happened last, call, claim and cause.

private:
    /// Gives what it is counted under.
    std::string failed(hk::error const& failure, bool refused)
    {
        static constexpr std::array<char const*, 3> names{"none", "possibly", "done"};
        auto const& info = failure.info();
        bool const read = info.operation == "fetch";
        failed_reads += read ? 1 : 0;
        bool const repeatable = at_least_once || info.persisted() == hk::persistence::none;
        given_up += !read && !refused && repeatable ? 1 : 0;
        std::string const& cause = failure.cause();
        std::string kind = "after a " + event_ + ": " + info.operation + (refused ? " to refuse, " : ", ") +
                           names.at(static_cast<std::size_t>(info.persisted())) + ": " +
                           cause.substr(0, cause.find('\n'));
        ++failures[kind];
        return kind;
    }

    void finished_one() const
    {
        if (long const finished = produces + fetches; finished % 25 == 0)
            std::cout << "calls " << finished << std::endl;
    }

    std::mutex mutex_;
    std::string event_ = "start";
};

/// Single records, batches of three, and at times one that takes several TLS records to send.
hk::records some_records(std::int64_t first, std::size_t count, std::int32_t partition, int round)
{
    std::string const key(round % 16 == 5 ? 64'000 : 8, 'k');
    hk::records list(std::vector<hk::record>{});
    for (std::size_t i = 0; i < count; ++i)
        list.push_back(hk::record(key, first + static_cast<std::int64_t>(i)).partition(partition));
    return list;
}

/// Produces, and reads the newest of its records that are known to be there.
net::awaitable<void> work(hk::client client, tally& all, int number, std::atomic<bool> const& enough)
{
    std::int32_t const partition = number % partitions;
    std::optional<std::int64_t> known;
    std::int64_t known_offset = 0;
    for (int round = 0; !enough; ++round) {
        std::size_t const count = round % 3 == 2 ? 3 : 1;
        std::int64_t const first = all.new_records(count);
        bool const refused = round % 50 == 49;
        hk::call_options options;
        if (refused)
            options.request_id("refuse-" + std::to_string(first));
        auto list = some_records(first, count, partition, round);
        auto const told =
            co_await hk::as_result(client.produce(std::string(topic), std::move(list), std::move(options)));
        all.produced(first, count, refused, told);
        if (told && told.value().persisted() == hk::persistence::done) {
            known = first;
            known_offset = told.value().offset(0).value();
        }
        if (!known)
            continue;
        auto const read =
            co_await hk::as_result(client.fetch(std::string(topic), partition, known_offset, 10));
        all.fetched(*known, read);
    }
}

/// Every call that there is, one after the other.
net::awaitable<void> each_call(hk::client client)
{
    std::string const other = "afterwards";
    co_await client.brokers();
    co_await client.create_topic(other);
    co_await client.wait_for_topic(other, 10s);
    co_await client.topics();
    co_await client.partitions(other);
    co_await client.partition(other, 0);
    auto const receipt = co_await client.produce(other, hk::records("v", "w"));
    auto const batch = co_await client.fetch(other, 0, 0, 10);
    auto stream = client.consume(other, 0, hk::consume_options().until(hk::latest));
    auto const streamed = co_await stream.next();
    co_await client.delete_topic(other);
    bool const written = receipt.persisted() == hk::persistence::done;
    if (!written || batch.size() != 2 || !streamed || streamed->size() != 2)
        throw std::runtime_error("a call after the load gave something else than it should");
}

/// What a coroutine threw ends the program.
void end_if(std::exception_ptr failure)
try {
    if (failure)
        std::rethrow_exception(failure);
} catch (std::exception const& why) {
    std::cerr << "nginx_load: " << why.what() << std::endl;
    std::_Exit(1);
}

/// Runs until the client comes to rest by itself.
void run_to_rest(net::io_context& io)
{
    io.restart();
    std::vector<std::thread> more;
    for (int i = 1; i < threads; ++i)
        more.emplace_back([&io] { io.run(); });
    io.run();
    for (auto& thread : more)
        thread.join();
}

/// The claims against the records, and the figures.
class verdict
{
public:
    /// `requests`: those of which a part was written.
    verdict(tally const& all, hk::emulator const& emulator, long requests)
        : all_(all),
          there_(all.claims.size()),
          placed_(all.claims.size()),
          requests_(requests),
          repeated_(requests - all.produces - all.fetches - 3 * all.refusals)
    {
        for (std::int32_t partition = 0; partition < partitions; ++partition)
            for (auto const& record : emulator.records(topic, partition))
                found(record);
        for (std::size_t id = 0; id < there_.size(); ++id)
            judge(id);
        require(all.failed_reads == 0, "a fetch failed");
        require(all.wrong_reads == 0, "a fetch gave other records than those that are there");
        require(all.given_up == 0, "a produce failed that could have been repeated");
        require(possibly_ > 0 || repeated_ > 0, "no call met a reload or a kill: nothing was shown");
    }

    void print(wire const& seen) const
    {
        auto const row = [](char const* name) -> std::ostream& {
            return std::cout << "  " << std::left << std::setw(22) << name;
        };
        long const calls = all_.produces + all_.fetches;
        row("calls") << calls << " (" << all_.produces << " produces of " << there_.size() << " records, "
                     << all_.fetches << " fetches)\n";
        row("done") << done_ << "\n";
        row("none") << none_ << " (nginx was to refuse " << all_.refusals << " calls, with 429)\n";
        row("possibly") << possibly_ << ", " << possibly_there_ << " of them there\n";
        row("duplicates") << duplicates_ << "\n";
        row("reloads, kills") << all_.events.at("reload") << ", " << all_.events.at("kill") << "\n";
        row("connections opened") << seen.connections() << "\n";
        row("requests written") << requests_ << ", " << repeated_
                                << " of them repeated besides 3 for each call to refuse\n";
        for (auto const& [kind, times] : all_.failures)
            std::cout << std::right << std::setw(6) << times << " calls " << kind << "; "
                      << (arrived_.contains(kind) ? arrived_.at(kind) : 0) << " records there\n";
        for (auto const& [what, times] : faults_)
            std::cout << "  WRONG, " << times << " times: " << what << "\n";
        std::cout << "figures " << all_.produces << " produces, " << all_.fetches << " fetches, " << done_
                  << " done, " << none_ << " none, " << possibly_ << " possibly, " << duplicates_
                  << " duplicates" << std::endl;
    }

    bool good() const { return faults_.empty(); }

private:
    void require(bool holds, char const* otherwise)
    {
        if (!holds)
            ++faults_[otherwise];
    }

    void found(hk::emulator_record const& record)
    {
        auto const id = static_cast<std::size_t>(std::stoull(record.value));
        if (id >= there_.size())
            return require(false, "a record is there that nobody produced");
        duplicates_ += there_[id]++ > 0 ? 1 : 0;
        claim const& told = all_.claims[id];
        if (told.partition == record.partition && told.offset == record.offset)
            placed_[id] = true;
    }

    void judge(std::size_t id)
    {
        claim const& told = all_.claims[id];
        int const times = there_[id];
        if (times > 0 && !told.failure.empty())
            ++arrived_[told.failure];
        require(all_.at_least_once || times <= 1, "a record is there more than once");
        if (!told.persisted)
            return require(false, "the caller was told nothing");
        switch (*told.persisted) {
        case hk::persistence::done:
            ++done_;
            require(times >= 1, "a record is not there that was said to be");
            require(placed_[id], "a record is not where it was said to be");
            break;
        case hk::persistence::none:
            ++none_;
            require(times == 0, "a record is there that was said not to be");
            break;
        case hk::persistence::possibly:
            ++possibly_;
            possibly_there_ += times > 0 ? 1 : 0;
            break;
        }
    }

    tally const& all_;
    std::vector<int> there_;
    std::vector<bool> placed_;
    long requests_;
    long repeated_;                       ///< Besides the refused ones.
    std::map<std::string, long> arrived_; ///< Records that are there, of the calls that failed in one way.
    std::map<std::string, long> faults_;
    long done_ = 0;
    long none_ = 0;
    long possibly_ = 0;
    long possibly_there_ = 0;
    long duplicates_ = 0;
};

std::string contents(char const* path)
{
    std::ifstream file(path);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (text.empty())
        throw std::runtime_error(std::string("cannot read ") + path);
    return text;
}

int run(char const* certificate, char const* key, bool at_least_once)
{
    test::served_emulator served(hk::emulator_options()
                                     .certificate(contents(certificate), contents(key))
                                     .produce_answer(hk::emulator_produce_answer::offsets));
    hk::emulator& emulator = served.emulator;
    emulator.add_topic(topic, partitions);
    std::cout << emulator.port() << std::endl;
    std::string line;
    std::getline(std::cin, line);

    wire seen;
    net::io_context io(threads);
    hk::client const client(
        io.get_executor(),
        hk::client_options(line)
            .credential(emulator.credential())
            .tls(hk::tls_options().ca_pem(emulator.ca_pem()).configure([&seen](SSL_CTX* context) {
                seen.watch(context);
            }))
            .max_connections(connections)
            .retry(hk::retry_policy().base_delay(10ms).at_least_once(at_least_once)));
    net::co_spawn(io, client.topics(), [](std::exception_ptr failure, auto const&) { end_if(failure); });
    run_to_rest(io);

    tally all(at_least_once);
    std::atomic<bool> enough = false;
    long const before = seen.requests();
    for (int number = 0; number < coroutines; ++number)
        net::co_spawn(io, work(client, all, number, enough), &end_if);
    std::thread load([&io] { run_to_rest(io); });
    while (std::getline(std::cin, line) && line != "enough")
        all.now(line);
    enough = true;
    load.join();
    if (!std::cin)
        throw std::runtime_error("the script has gone");
    long const requests = seen.requests() - before;

    net::co_spawn(io, each_call(client), &end_if);
    run_to_rest(io);
    verdict const outcome(all, emulator, requests);
    outcome.print(seen);
    return outcome.good() ? 0 : 1;
}

} // namespace

int main(int count, char** arguments)
try {
    if (count < 3)
        throw std::runtime_error("nginx_load CERTIFICATE KEY [at-least-once]");
    return run(arguments[1], arguments[2], count > 3 && arguments[3] == std::string_view("at-least-once"));
} catch (std::exception const& failure) {
    std::cerr << "nginx_load: " << failure.what() << "\n";
    return 1;
}
