// hk::emulator: the Kafka REST proxy and its authority in one process, for tests and for trying things
// out. Layer: optional; never included by the core.
#ifndef HDIKAFKA_EMULATOR_HPP
#define HDIKAFKA_EMULATOR_HPP

#include <hdikafka/client_options.hpp>
#include <hdikafka/credential.hpp>
#include <hdikafka/detail/emulator_certificate.hpp>
#include <hdikafka/detail/emulator_fault.hpp>
#include <hdikafka/detail/emulator_log.hpp>
#include <hdikafka/detail/emulator_options.hpp>
#include <hdikafka/detail/emulator_server.hpp>
#include <hdikafka/record.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// An HTTPS server that speaks the REST proxy's API from memory, and Entra's token endpoint, on one
/// listener.
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
class emulator
{
public:
    /// Does no I/O: the options are checked by start().
    explicit emulator(net::any_io_executor executor, emulator_options options = emulator_options())
        : executor_(std::move(executor)),
          server_(std::make_shared<detail::emulation::emulator_server>(std::move(options)))
    {}

    emulator(emulator const&) = delete;
    emulator& operator=(emulator const&) = delete;

    ~emulator() { stop(); }

    /// Makes a certificate if none was given, binds and begins to accept. Throws hk::error when the
    /// address cannot be bound or the certificate cannot be used. Once only, also after stop().
    void start()
    {
        if (!executor_)
            throw error(errc::already_running, "the emulator can be started once only");
        emulator_options const& options = server_->options();
        detail::emulation::check_options(options).value();
        std::string chain = options.certificate_pem();
        std::string key = options.key_pem();
        ca_pem_ = chain;
        if (chain.empty()) {
            auto made =
                detail::emulation::make_emulator_certificate(options.host_names(), own_addresses()).value();
            chain = std::move(made.chain_pem);
            key = std::move(made.key_pem);
            ca_pem_ = std::move(made.ca_pem);
        }
        server_->use_certificate(chain, key).value();
        port_ = server_->start(std::exchange(executor_, net::any_io_executor())).value();
    }

    /// Closes the listener at once and the connections as soon as the executor runs. Idempotent.
    void stop() { server_->stop(); }

    /// The port that was bound.
    std::uint16_t port() const noexcept { return port_; }

    /// What a client's endpoint must be: "https://127.0.0.1:40123".
    std::string endpoint() const { return "https://" + host() + ":" + std::to_string(port_); }

    /// What a credential's authority_host must be: the same listener.
    std::string authority_host() const { return endpoint(); }

    /// What a client must trust: the authority that was made, or the certificate chain that was given.
    std::string const& ca_pem() const noexcept { return ca_pem_; }

    /// The tenant, application and secret of the options, at this authority.
    hdikafka::credential credential() const
    {
        emulator_options const& options = server_->options();
        return client_secret_credential(options.tenant(), options.client_id(), options.client_secret())
            .authority_host(authority_host());
    }

    /// Ready to make a client that talks to this emulator and trusts it.
    hdikafka::client_options client_options() const
    {
        return hdikafka::client_options(endpoint())
            .credential(credential())
            .tls(tls_options().ca_pem(ca_pem_));
    }

    // What is there.

    /// All topics, also those that metadata does not show yet.
    std::vector<std::string> topics() const
    {
        return server_->with_service(
            [](detail::emulation::emulator_service& service) { return service.broker().topics(); });
    }

    /// The properties that a topic was created with: their names and JSON texts.
    std::map<std::string, std::string> topic_properties(std::string_view topic) const
    {
        return server_->with_service([topic](detail::emulation::emulator_service& service) {
            auto const* const found = service.broker().find(topic);
            if (found == nullptr)
                throw detail::emulation::emulator_broker::no_topic(topic);
            return found->properties;
        });
    }

    /// The records of a partition, by offset.
    std::vector<emulator_record> records(std::string_view topic, std::int32_t partition) const
    {
        return server_->with_service([&](detail::emulation::emulator_service& service) {
            auto const& all = service.broker().log(topic, partition).value()->all();
            return std::vector<emulator_record>(all.begin(), all.end());
        });
    }

    /// The earliest and the latest offset of a partition.
    std::pair<std::int64_t, std::int64_t> watermarks(std::string_view topic, std::int32_t partition) const
    {
        return server_->with_service([&](detail::emulation::emulator_service& service) {
            auto const* const log = service.broker().log(topic, partition).value();
            return std::pair(log->earliest(), log->latest());
        });
    }

    // What was asked.

    /// How many requests there were for a route.
    std::size_t request_count(emulator_route route) const
    {
        return server_->with_service(
            [route](detail::emulation::emulator_service& service) { return service.count(route); });
    }

    /// How often a token was asked for.
    std::size_t token_requests() const { return request_count(emulator_route::token); }

    /// The requests in the order in which they were handled; the last 10,000.
    std::vector<emulator_call> calls() const
    {
        return server_->with_service(
            [](detail::emulation::emulator_service& service) { return service.calls(); });
    }

    /// Begins counting and remembering anew.
    void forget_calls()
    {
        server_->with_service([](detail::emulation::emulator_service& service) { service.forget_calls(); });
    }

    // What happens behind the clients' backs.

    /// Adds a topic that metadata shows at once.
    void add_topic(std::string_view topic, std::int32_t partitions = 1)
    {
        auto const now = server_->now() - server_->options().visibility_delay();
        server_->with_service([&](detail::emulation::emulator_service& service) {
            detail::emulation::emulator_topic_config config;
            config.partition_count = partitions;
            service.broker().create(topic, std::move(config), now).value();
        });
    }

    /// Writes a record as a produce would; gives its offset.
    std::int64_t append(std::string_view topic, record const& record)
    {
        auto const now = server_->now();
        return server_->with_service([&](detail::emulation::emulator_service& service) {
            std::vector<detail::emulation::emulator_new_record> one(1);
            one.front().value = record.value().text();
            if (record.key()) {
                one.front().key = record.key()->text();
                one.front().key_bytes = detail::emulation::key_bytes(record.key()->text());
            }
            one.front().partition = record.partition();
            return service.broker().produce(topic, std::move(one), 0, now).value().front().offset;
        });
    }

    /// Deletes what is before the offset, as retention by time or size does.
    void trim(std::string_view topic, std::int32_t partition, std::int64_t offset)
    {
        edit(topic, partition, [offset](detail::emulation::emulator_log& log) { log.trim(offset); });
    }

    /// Keeps the newest `count` records.
    void retain(std::string_view topic, std::int32_t partition, std::size_t count)
    {
        edit(topic, partition, [count](detail::emulation::emulator_log& log) { log.retain(count); });
    }

    /// Deletes what is at the offset and after it: the latest offset moves back.
    void truncate(std::string_view topic, std::int32_t partition, std::int64_t offset)
    {
        edit(topic, partition, [offset](detail::emulation::emulator_log& log) { log.truncate(offset); });
    }

    /// Deletes the offsets from `first` up to but not including `last`, as compaction does.
    void compact(std::string_view topic, std::int32_t partition, std::int64_t first, std::int64_t last)
    {
        edit(topic, partition,
             [first, last](detail::emulation::emulator_log& log) { log.compact(first, last); });
    }

    /// Passes over `count` offsets at the end, as transaction markers do.
    void inject_gap(std::string_view topic, std::int32_t partition, std::int64_t count)
    {
        edit(topic, partition, [count](detail::emulation::emulator_log& log) { log.skip(count); });
    }

    /// Refuses every token given out until now.
    void expire_tokens()
    {
        server_->with_service(
            [](detail::emulation::emulator_service& service) { service.authority().expire_all(); });
    }

    /// Puts the application into the cluster's security group, or takes it out: 403.
    void in_security_group(bool member)
    {
        server_->with_service([member](detail::emulation::emulator_service& service) {
            service.authority().in_security_group(member);
        });
    }

    /// Changes the application's secret at the authority.
    void rotate_client_secret(std::string secret)
    {
        server_->with_service([&](detail::emulation::emulator_service& service) {
            service.authority().client_secret(std::move(secret));
        });
    }

    // What goes wrong.

    /// Lets a request fail, see emulator_fault. Faults of one route happen in the order of their
    /// injection.
    void inject(emulator_fault fault)
    {
        server_->with_service(
            [&](detail::emulation::emulator_service& service) { service.inject(std::move(fault)); });
    }

    /// Refuses the next `count` records that are produced, each with an error of its own in an answer
    /// with status 200 (in the `offsets` form).
    void refuse_records(std::size_t count)
    {
        server_->with_service(
            [count](detail::emulation::emulator_service& service) { service.refuse_records(count); });
    }

private:
    void edit(std::string_view topic, std::int32_t partition,
              std::function<void(detail::emulation::emulator_log&)> change)
    {
        server_->with_service([&](detail::emulation::emulator_service& service) {
            service.broker().edit(topic, partition, change).value();
        });
    }

    /// The host as it stands in a URL.
    std::string host() const
    {
        emulator_options const& options = server_->options();
        std::string out = options.advertise().empty() ? options.address() : options.advertise();
        if (out == "0.0.0.0")
            out = "127.0.0.1";
        if (out == "::")
            out = "::1";
        return out.find(':') == std::string::npos ? out : "[" + out + "]";
    }

    /// Addresses that the certificate must name besides the loopback's.
    std::vector<std::string> own_addresses() const
    {
        net::error_code failure;
        auto const address = net::ip::make_address(server_->options().address(), failure);
        if (failure || address.is_unspecified() || address.is_loopback())
            return {};
        return {address.to_string()};
    }

    net::any_io_executor executor_; ///< Until start(): afterwards it may die before the emulator.
    std::shared_ptr<detail::emulation::emulator_server> server_;
    std::uint16_t port_ = 0;
    std::string ca_pem_;
};

} // namespace hdikafka::inline v0_1

#endif
