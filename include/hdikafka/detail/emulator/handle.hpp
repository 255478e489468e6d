// What emulator.hpp declares.
#ifndef HDIKAFKA_DETAIL_EMULATOR_HANDLE_HPP
#define HDIKAFKA_DETAIL_EMULATOR_HANDLE_HPP

#include <hdikafka/detail/emulator/certificate.hpp>
#include <hdikafka/detail/emulator/checks.hpp>
#include <hdikafka/detail/emulator/log.hpp>
#include <hdikafka/detail/emulator/server.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/emulator.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

template <class Lazy>
basic_emulator<Lazy>::basic_emulator(net::any_io_executor executor, emulator_options options)
    : executor_(std::move(executor)),
      server_(std::make_shared<detail::emulation::emulator_server>(std::move(options)))
{}

template <class Lazy>
void basic_emulator<Lazy>::start()
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
    auto const ports = server_->start(std::exchange(executor_, net::any_io_executor())).value();
    port_ = ports.tls;
    identity_port_ = ports.identity;
}

template <class Lazy>
void basic_emulator<Lazy>::stop()
{
    server_->stop();
}

template <class Lazy>
std::string basic_emulator<Lazy>::endpoint() const
{
    return "https://" + host() + ":" + std::to_string(port_);
}

template <class Lazy>
std::string basic_emulator<Lazy>::identity_endpoint() const
{
    if (!server_->options().managed_identity())
        throw error(errc::invalid_option, "the emulator has no endpoints for managed identities: its option "
                                          "managed_identity(true) is not set");
    return "http://" + host() + ":" + std::to_string(identity_port_);
}

template <class Lazy>
hdikafka::credential basic_emulator<Lazy>::credential() const
{
    emulator_options const& options = server_->options();
    return client_secret_credential(options.tenant(), options.client_id(), options.client_secret())
        .authority_host(authority_host());
}

template <class Lazy>
hdikafka::client_options basic_emulator<Lazy>::client_options() const
{
    return hdikafka::client_options(endpoint()).credential(credential()).tls(tls_options().ca_pem(ca_pem_));
}

template <class Lazy>
std::vector<std::string> basic_emulator<Lazy>::topics() const
{
    return server_->with_service([](auto& service) { return service.broker().topics(); });
}

template <class Lazy>
std::map<std::string, std::string> basic_emulator<Lazy>::topic_properties(std::string_view topic) const
{
    return server_->with_service([topic](auto& service) {
        auto const* const found = service.broker().find(topic);
        if (found == nullptr)
            throw detail::emulation::emulator_broker::no_topic(topic);
        return found->properties;
    });
}

template <class Lazy>
std::vector<emulator_record> basic_emulator<Lazy>::records(std::string_view topic,
                                                           std::int32_t partition) const
{
    return server_->with_service([&](auto& service) {
        auto const& all = service.broker().log(topic, partition).value()->all();
        return std::vector<emulator_record>(all.begin(), all.end());
    });
}

template <class Lazy>
std::pair<std::int64_t, std::int64_t> basic_emulator<Lazy>::watermarks(std::string_view topic,
                                                                       std::int32_t partition) const
{
    return server_->with_service([&](auto& service) {
        auto const* const log = service.broker().log(topic, partition).value();
        return std::pair(log->earliest(), log->latest());
    });
}

template <class Lazy>
std::size_t basic_emulator<Lazy>::request_count(emulator_route route) const
{
    return server_->with_service([route](auto& service) { return service.count(route); });
}

template <class Lazy>
std::vector<emulator_call> basic_emulator<Lazy>::calls() const
{
    return server_->with_service([](auto& service) { return service.calls(); });
}

template <class Lazy>
void basic_emulator<Lazy>::forget_calls()
{
    server_->with_service([](auto& service) { service.forget_calls(); });
}

template <class Lazy>
void basic_emulator<Lazy>::add_topic(std::string_view topic, std::int32_t partitions)
{
    server_->with_service([&](auto& service) {
        detail::emulation::emulator_topic_config config;
        config.partition_count = partitions;
        service.broker().add(topic, std::move(config)).value();
    });
}

template <class Lazy>
void basic_emulator<Lazy>::add_partitions(std::string_view topic, std::int32_t total)
{
    server_->with_service([&](auto& service) { service.broker().add_partitions(topic, total).value(); });
}

template <class Lazy>
void basic_emulator<Lazy>::create_topic(std::string_view topic, std::int32_t partitions)
{
    auto const now = server_->now();
    server_->with_service([&](auto& service) {
        detail::emulation::emulator_topic_config config;
        config.partition_count = partitions;
        service.broker().create(topic, std::move(config), now).value();
    });
}

template <class Lazy>
void basic_emulator<Lazy>::delete_topic(std::string_view topic)
{
    auto const now = server_->now();
    server_->with_service([&](auto& service) { service.broker().remove(topic, now).value(); });
}

template <class Lazy>
void basic_emulator<Lazy>::recreate_topic(std::string_view topic)
{
    server_->with_service([&](auto& service) { service.broker().recreate(topic).value(); });
}

template <class Lazy>
std::int64_t basic_emulator<Lazy>::append(std::string_view topic, record const& record)
{
    return append(topic, record, server_->now());
}

template <class Lazy>
std::int64_t basic_emulator<Lazy>::append(std::string_view topic, record const& record,
                                          std::optional<emulator_time> timestamp)
{
    detail::emulation::emulator_new_record made;
    made.value = record.value().text();
    if (record.key()) {
        made.key = record.key()->text();
        made.key_bytes = detail::key_bytes(record.key()->text());
    }
    made.partition = record.partition();
    made.timestamp = timestamp;
    return write(topic, std::move(made));
}

template <class Lazy>
std::int64_t basic_emulator<Lazy>::append_raw(std::string_view topic, std::int32_t partition,
                                              std::string text)
{
    detail::emulation::emulator_new_record made;
    made.value = std::move(text);
    made.partition = partition;
    made.timestamp = server_->now();
    return write(topic, std::move(made));
}

template <class Lazy>
std::int64_t basic_emulator<Lazy>::write(std::string_view topic,
                                         detail::emulation::emulator_new_record record)
{
    auto const now = server_->now();
    record.stamped = true;
    return server_->with_service([&](auto& service) {
        std::vector<detail::emulation::emulator_new_record> one;
        one.push_back(std::move(record));
        return service.broker().produce(topic, std::move(one), 0, now).value().front().offset;
    });
}

template <class Lazy>
void basic_emulator<Lazy>::quirks(emulator_quirks quirks)
{
    detail::emulation::check_quirks(quirks).value();
    server_->with_service([&](auto& service) { service.broker().quirks(std::move(quirks)); });
}

template <class Lazy>
emulator_quirks basic_emulator<Lazy>::quirks() const
{
    return server_->with_service([](auto& service) { return service.broker().quirks(); });
}

template <class Lazy>
void basic_emulator<Lazy>::silence(std::size_t reads, std::string_view topic,
                                   std::optional<std::int32_t> partition)
{
    add_silence(detail::emulation::emulator_silence(topic, partition, reads));
}

template <class Lazy>
void basic_emulator<Lazy>::silence_for(milliseconds time, std::string_view topic,
                                       std::optional<std::int32_t> partition)
{
    detail::emulation::emulator_silence out(topic, partition, emulator_forever);
    out.until = detail::emulation::later(server_->now(), time);
    add_silence(std::move(out));
}

template <class Lazy>
void basic_emulator<Lazy>::add_silence(detail::emulation::emulator_silence silence)
{
    server_->with_service([&](auto& service) { service.broker().silence(std::move(silence)).value(); });
}

template <class Lazy>
void basic_emulator<Lazy>::end_silence()
{
    server_->with_service([](auto& service) { service.broker().silences().end(); });
}

template <class Lazy>
void basic_emulator<Lazy>::fail_at(std::string_view topic, std::int32_t partition, std::int64_t offset,
                                   int status, std::size_t reads)
{
    if (!detail::emulation::is_refusal(status))
        throw error(errc::invalid_option, "fail_at: a failure's status is 400 to 599");
    trouble(topic, partition, [=](auto& there) { there.fail_at(offset, status, reads); });
}

template <class Lazy>
void basic_emulator<Lazy>::trouble(std::string_view topic, std::int32_t partition,
                                   std::function<void(detail::emulation::emulator_trouble&)> change)
{
    server_->with_service(
        [&](auto& service) { change(*service.broker().trouble(topic, partition).value()); });
}

template <class Lazy>
void basic_emulator<Lazy>::expire_tokens()
{
    server_->with_service([](auto& service) { service.authority().expire_all(); });
}

template <class Lazy>
void basic_emulator<Lazy>::require_claims(std::string json)
{
    if (!json.empty() && !detail::emulation::valid_claims(json))
        throw error(errc::invalid_json, "the claims to require are not a JSON object");
    server_->with_service([&](auto& service) { service.authority().require_claims(std::move(json)); });
}

template <class Lazy>
void basic_emulator<Lazy>::in_security_group(bool member)
{
    server_->with_service([member](auto& service) { service.authority().in_security_group(member); });
}

template <class Lazy>
void basic_emulator<Lazy>::rotate_client_secret(std::string secret)
{
    server_->with_service([&](auto& service) { service.authority().client_secret(std::move(secret)); });
}

template <class Lazy>
void basic_emulator<Lazy>::inject(emulator_fault fault)
{
    server_->with_service([&](auto& service) { service.inject(std::move(fault)); });
}

template <class Lazy>
void basic_emulator<Lazy>::on_call(std::function<void(emulator_call const&)> script)
{
    server_->script(std::move(script));
}

template <class Lazy>
void basic_emulator<Lazy>::refuse_records(std::size_t count)
{
    server_->with_service([count](auto& service) { service.refuse_records(count); });
}

template <class Lazy>
void basic_emulator<Lazy>::edit(std::string_view topic, std::int32_t partition,
                                std::function<void(detail::emulation::emulator_log&)> change)
{
    server_->with_service([&](auto& service) { service.broker().edit(topic, partition, change).value(); });
}

template <class Lazy>
std::string basic_emulator<Lazy>::host() const
{
    emulator_options const& options = server_->options();
    std::string out = options.advertise().empty() ? options.address() : options.advertise();
    if (out == "0.0.0.0")
        out = "127.0.0.1";
    if (out == "::")
        out = "::1";
    return out.find(':') == std::string::npos ? out : "[" + out + "]";
}

template <class Lazy>
std::vector<std::string> basic_emulator<Lazy>::own_addresses() const
{
    net::error_code failure;
    auto const address = net::ip::make_address(server_->options().address(), failure);
    if (failure || address.is_unspecified() || address.is_loopback())
        return {};
    return {address.to_string()};
}

} // namespace hdikafka::inline v0_1

#endif
