// hk::emulator: the Kafka REST proxy and its authority in one process, for tests and for trying things out.
#ifndef HDIKAFKA_EMULATOR_HPP
#define HDIKAFKA_EMULATOR_HPP

#include <hdikafka/client_options.hpp>
#include <hdikafka/credential.hpp>
#include <hdikafka/detail/emulator/fault.hpp>
#include <hdikafka/detail/emulator/log.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/emulator/trouble.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/record.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

namespace detail::emulation {
class emulator_new_record;
class emulator_server;
} // namespace detail::emulation

/// An HTTPS server that speaks the REST proxy's API from memory, and Entra's token endpoint, on one
/// listener. If the options say so, a second one has Azure's endpoints for managed identities.
///
///     asio::io_context io;
///     hk::emulator emulator(io.get_executor());
///     emulator.start();
///     hk::client client(io.get_executor(), emulator.client_options());
///
/// It serves whenever its executor runs, and keeps `io.run()` from returning until stop(). Every
/// member function can be called from any thread, start() once. Records, topics and offsets are gone
/// when it is destroyed. It is strict where the service is not known to be: it refuses unknown
/// members, unlabelled bodies and unknown query parameters, so that a mistake shows in a test.
///
/// Functions that name a topic or partition throw hk::error (errc::not_found) when there is none.
template <class Lazy = void>
class basic_emulator
{
public:
    /// Does no I/O: the options are checked by start().
    explicit basic_emulator(net::any_io_executor executor, emulator_options options = emulator_options());

    basic_emulator(basic_emulator const&) = delete;
    basic_emulator& operator=(basic_emulator const&) = delete;

    ~basic_emulator() { stop(); }

    /// Makes a certificate if none was given, binds and begins to accept. Throws hk::error when the
    /// address cannot be bound or the certificate cannot be used. Once only, also after stop().
    void start();

    /// Closes the listeners at once and the connections as soon as the executor runs. Idempotent.
    void stop();

    /// The port that was bound.
    std::uint16_t port() const noexcept { return port_; }

    /// What a client's endpoint must be: "https://127.0.0.1:40123".
    std::string endpoint() const;

    /// What a credential's authority_host must be: the same listener.
    std::string authority_host() const { return endpoint(); }

    /// Where the endpoints for managed identities are, without TLS: "http://127.0.0.1:40124". Programs find
    /// them by their environment, with this in the place of URL:
    ///
    ///     AZURE_POD_IDENTITY_AUTHORITY_HOST=URL                                             as IMDS
    ///     IDENTITY_ENDPOINT=URL/msi/token IDENTITY_HEADER=emulator-identity-header          as App Service
    ///     IDENTITY_ENDPOINT=URL/metadata/arc/identity/oauth2/token IMDS_ENDPOINT=URL        as Azure Arc
    ///
    /// Throws hk::error (errc::invalid_option) without emulator_options::managed_identity(true).
    std::string identity_endpoint() const;

    /// What a client must trust: the authority that was made, or the certificate chain that was given.
    std::string const& ca_pem() const noexcept { return ca_pem_; }

    /// The tenant, application and secret of the options, at this authority.
    hdikafka::credential credential() const;

    /// Ready to make a client that talks to this emulator and trusts it.
    hdikafka::client_options client_options() const;

    // What is there.

    /// All topics, also those that metadata does not show yet.
    std::vector<std::string> topics() const;

    /// The properties that a topic was created with: their names and JSON texts.
    std::map<std::string, std::string> topic_properties(std::string_view topic) const;

    /// The records of a partition, by offset.
    std::vector<emulator_record> records(std::string_view topic, std::int32_t partition) const;

    /// The earliest and the latest offset of a partition.
    std::pair<std::int64_t, std::int64_t> watermarks(std::string_view topic, std::int32_t partition) const;

    // What was asked.

    /// How many requests there were for a route.
    std::size_t request_count(emulator_route route) const;

    /// How often a token was asked for.
    std::size_t token_requests() const { return request_count(emulator_route::token); }

    /// The requests in the order in which they were handled; the last 10,000.
    std::vector<emulator_call> calls() const;

    /// Begins counting and remembering anew.
    void forget_calls();

    // What happens behind the clients' backs.

    /// Adds a topic that metadata shows at once, at all nodes, and whose partitions have leaders. It may
    /// have none.
    void add_topic(std::string_view topic, std::int32_t partitions = 1);

    /// Gives a topic more partitions, `total` in all; metadata shows them at once. Throws hk::error
    /// (errc::bad_request) when it has as many already, or may not have so many.
    void add_partitions(std::string_view topic, std::int32_t total);

    /// Creates a topic as another client would: it shows, and can be used, as late as options and quirks say.
    void create_topic(std::string_view topic, std::int32_t partitions = 1);

    /// Deletes a topic as another client would.
    void delete_topic(std::string_view topic);

    /// Deletes a topic and makes it anew, with as many partitions and without a record: its offsets begin at
    /// 0 again. Metadata shows it at once.
    void recreate_topic(std::string_view topic);

    /// Writes a record as a produce would; gives its offset.
    std::int64_t append(std::string_view topic, record const& record);

    /// The same with a timestamp of any kind, also from before 1970; answers have none for a record without.
    std::int64_t append(std::string_view topic, record const& record, std::optional<emulator_time> timestamp);

    /// Writes a record with this text as its value, whatever it is: it stands in answers where a value's JSON
    /// would. So JSON may be nested deeper than a produce can bring it, and a text that is no JSON makes an
    /// answer that cannot be read. Gives its offset.
    std::int64_t append_raw(std::string_view topic, std::int32_t partition, std::string text);

    /// Deletes what is before the offset, as retention by time or size does.
    void trim(std::string_view topic, std::int32_t partition, std::int64_t offset)
    {
        edit(topic, partition, [offset](auto& log) { log.trim(offset); });
    }

    /// Keeps the newest `count` records.
    void retain(std::string_view topic, std::int32_t partition, std::size_t count)
    {
        edit(topic, partition, [count](auto& log) { log.retain(count); });
    }

    /// Deletes what is at the offset and after it: the latest offset moves back.
    void truncate(std::string_view topic, std::int32_t partition, std::int64_t offset)
    {
        edit(topic, partition, [offset](auto& log) { log.truncate(offset); });
    }

    /// Deletes the offsets from `first` up to but not including `last`, as compaction does.
    void compact(std::string_view topic, std::int32_t partition, std::int64_t first, std::int64_t last)
    {
        edit(topic, partition, [first, last](auto& log) { log.compact(first, last); });
    }

    /// Passes over `count` offsets at the end, as transaction markers do: until more is written, reads from
    /// there on are empty. emulator_quirks::gap_next_offset() has what NextOffset then says.
    void inject_gap(std::string_view topic, std::int32_t partition, std::int64_t count)
    {
        edit(topic, partition, [count](auto& log) { log.skip(count); });
    }

    /// Refuses every token given out until now.
    void expire_tokens();

    /// Answers from now on with a claims challenge (401, error="insufficient_claims") unless the token was
    /// asked for with exactly this JSON object as its `claims`; empty ends that. Managed identities cannot
    /// ask for claims. Throws hk::error (errc::invalid_json) when it is no JSON object.
    void require_claims(std::string json);

    /// Puts the application into the cluster's security group, or takes it out: 403.
    void in_security_group(bool member);

    /// Changes the application's secret at the authority.
    void rotate_client_secret(std::string secret);

    /// Calls `script` with each request from now on, when it has been handled and before it is answered: what
    /// is to happen in the middle of something happens there, such as retention (trim()) behind the third
    /// read. It is called on the thread that serves the request, by several of them if there are, and may
    /// call any function of the emulator but stop(). Empty ends that, and does not wait for one that is
    /// running.
    void on_call(std::function<void(emulator_call const&)> script);

    // What goes wrong.

    /// How the service behaves from now on where it is not friendly. Throws hk::error (errc::invalid_option)
    /// when one of them cannot be.
    void quirks(emulator_quirks quirks);
    emulator_quirks quirks() const;

    /// Keeps the next `reads` reads empty although there are records, as a proxy does whose own wait for
    /// Kafka was too short: of all topics, or of one, or of one partition of it. Several befall reads one
    /// after the other. emulator_quirks::silent_next_offset() has what NextOffset then says.
    void silence(std::size_t reads, std::string_view topic = {},
                 std::optional<std::int32_t> partition = std::nullopt);

    /// The same for that long, by the emulator's clock.
    void silence_for(milliseconds time, std::string_view topic = {},
                     std::optional<std::int32_t> partition = std::nullopt);

    /// Ends what silence() and silence_for() began.
    void end_silence();

    /// Keeps the next `reads` reads empty that begin exactly at the offset; 0 ends that.
    void silence_at(std::string_view topic, std::int32_t partition, std::int64_t offset,
                    std::size_t reads = emulator_forever)
    {
        trouble(topic, partition, [=](auto& there) { there.silence_at(offset, reads); });
    }

    /// Answers with that status the next `reads` reads whose answers would have the record at the offset, as
    /// a proxy does that cannot decode it; 0 ends that. Throws hk::error (errc::invalid_option) when the
    /// status is not 400 to 599.
    void fail_at(std::string_view topic, std::int32_t partition, std::int64_t offset, int status = 500,
                 std::size_t reads = emulator_forever);

    /// Takes a partition's leader away: reads and produces to it fail, records without a partition and a key
    /// go to others, and metadata shows it. emulator_quirks has how.
    void lose_leader(std::string_view topic, std::int32_t partition)
    {
        trouble(topic, partition, [](auto& there) { there.leaderless = true; });
    }

    /// Gives the leader back.
    void elect_leader(std::string_view topic, std::int32_t partition)
    {
        trouble(topic, partition, [](auto& there) { there.leaderless = false; });
    }

    /// Lets a request fail, see emulator_fault. Faults of one route happen in the order of their
    /// injection.
    void inject(emulator_fault fault);

    /// Refuses the next `count` records that are produced, each with an error of its own in an answer
    /// with status 200 (in the `offsets` form).
    void refuse_records(std::size_t count);

private:
    void trouble(std::string_view topic, std::int32_t partition,
                 std::function<void(detail::emulation::emulator_trouble&)> change);

    void add_silence(detail::emulation::emulator_silence silence);

    std::int64_t write(std::string_view topic, detail::emulation::emulator_new_record record);

    void edit(std::string_view topic, std::int32_t partition,
              std::function<void(detail::emulation::emulator_log&)> change);

    /// The host as it stands in a URL.
    std::string host() const;

    /// Addresses that the certificate must name besides the loopback's.
    std::vector<std::string> own_addresses() const;

    net::any_io_executor executor_; ///< Until start(): afterwards it may die before the emulator.
    std::shared_ptr<detail::emulation::emulator_server> server_;
    std::uint16_t port_ = 0;
    std::uint16_t identity_port_ = 0;
    std::string ca_pem_;
};

/// The one to use.
using emulator = basic_emulator<>;

} // namespace hdikafka::inline v0_1

#ifndef HDIKAFKA_SEPARATE_COMPILATION
#include <hdikafka/detail/emulator/handle.hpp>
#endif
#ifdef HDIKAFKA_SOURCE
#include <hdikafka/impl/emulator_src.hpp>
#endif

#endif
