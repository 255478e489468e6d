// What checkpoint_store.hpp declares.
#ifndef HDIKAFKA_DETAIL_STREAM_CHECKPOINT_HANDLE_HPP
#define HDIKAFKA_DETAIL_STREAM_CHECKPOINT_HANDLE_HPP

#include <hdikafka/checkpoint_store.hpp>
#include <hdikafka/detail/stream/checkpoint_file.hpp>

#include <memory>
#include <utility>

namespace hdikafka::inline v0_1 {

namespace detail {

template <class Lazy>
checkpoint_file_ptr make_checkpoint_file(std::string path)
{
    return std::make_shared<checkpoint_file<Lazy>>(std::move(path));
}

} // namespace detail

template <class Lazy>
net::awaitable<std::vector<checkpoint>> basic_file_checkpoint_store<Lazy>::load(std::string topic)
{
    return detail::load_checkpoints<Lazy>(file_, std::move(topic));
}

template <class Lazy>
net::awaitable<void> basic_file_checkpoint_store<Lazy>::save(checkpoint what)
{
    return detail::save_checkpoint<Lazy>(file_, std::move(what));
}

} // namespace hdikafka::inline v0_1

#endif
