// The proxy's operations as calls: arguments checked, request made.
#ifndef HDIKAFKA_DETAIL_CLIENT_REST_CALLS_HPP
#define HDIKAFKA_DETAIL_CLIENT_REST_CALLS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/call/retry.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/rest/arguments.hpp>
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Builds calls for one operation of one client.
template <class = void>
class rest_calls
{
public:
    /// `operation` is a literal. What is given by reference outlives this object.
    rest_calls(client_core<>& owner, std::string_view operation, call_options const& options)
        : owner_(owner), options_(options), info_(operation, std::string())
    {}

    result<call_request_ptr> brokers() { return read(std::string(brokers_path)); }

    /// `about`: the topic that the caller is after, for errors.
    result<call_request_ptr> topics(std::string about = std::string())
    {
        info_.topic = std::move(about);
        return read(std::string(topics_path));
    }

    result<call_request_ptr> partitions(std::string topic)
    {
        auto const checked = about(std::move(topic));
        return checked ? read(partitions_path(info_.topic)) : refused(checked);
    }

    result<call_request_ptr> partition(std::string topic, std::int32_t id)
    {
        auto checked = about(std::move(topic));
        if (checked)
            checked = check_partition(id);
        return checked ? read(partition_path(info_.topic, id)) : refused(checked);
    }

    result<call_request_ptr> fetch(std::string topic, batch_request const& asked)
    {
        auto checked = about(std::move(topic));
        if (checked)
            checked = check_fetch(asked.partition, asked.offset, asked.count);
        return checked ? read(consume_path(info_.topic, asked.partition, asked.offset, asked.count))
                       : refused(checked);
    }

    result<call_request_ptr> create(std::string topic, topic_config const& config)
    {
        auto checked = about(std::move(topic));
        if (checked)
            checked = check_config(config);
        if (!checked)
            return refused(checked);
        auto body = write_topic_config(config);
        if (!body)
            return refused(body);
        auto request = owner_.request("PUT", topic_path(info_.topic), std::move(body).value());
        return finished(std::move(request), repeatable::freely, errc::already_exists);
    }

    result<call_request_ptr> remove(std::string topic)
    {
        auto const checked = about(std::move(topic));
        if (!checked)
            return refused(checked);
        return finished(owner_.request("DELETE", topic_path(info_.topic)), repeatable::freely,
                        errc::not_found);
    }

    result<call_request_ptr> produce(std::string topic, records const& list)
    {
        auto checked = about(std::move(topic));
        if (checked)
            checked = check_records(list);
        return checked ? write(write_records(list)) : refused(checked);
    }

    /// The same with a body that is there already, of records and a topic that have been checked.
    result<call_request_ptr> produce_body(std::string topic, std::string body)
    {
        info_.topic = std::move(topic);
        return write(std::move(body));
    }

private:
    result<void> about(std::string topic)
    {
        info_.topic = std::move(topic);
        return check_topic(info_.topic);
    }

    template <class T>
    error refused(result<T> const& checked)
    {
        return error(checked.error().code(), info_.describe(), checked.error().cause());
    }

    result<call_request_ptr> read(std::string path)
    {
        return finished(owner_.request("GET", std::move(path)), repeatable::freely, std::nullopt);
    }

    result<call_request_ptr> write(std::string body)
    {
        auto request = owner_.request("POST", produce_path(info_.topic), std::move(body));
        return finished(std::move(request), repeatable::unsent, std::nullopt);
    }

    result<call_request_ptr> finished(http_request&& request, repeatable kind, std::optional<errc> settled_by)
    {
        auto spec = owner_.prepare(std::move(request), std::move(info_), options_);
        if (spec) {
            spec.value()->kind = kind;
            spec.value()->settled_by = settled_by;
        }
        return spec;
    }

    client_core<>& owner_;
    call_options const& options_;
    call_label info_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
