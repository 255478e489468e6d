// The file of a file_checkpoint_store: what is done to it, and who does it; and so what checkpoint_store.hpp
// declares.
#ifndef HDIKAFKA_DETAIL_STREAM_CHECKPOINT_FILE_HPP
#define HDIKAFKA_DETAIL_STREAM_CHECKPOINT_FILE_HPP

#include <hdikafka/checkpoint.hpp>
#include <hdikafka/checkpoint_store.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/base/owned_descriptor.hpp>
#include <hdikafka/detail/base/regular_file.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/stream/checkpoint_text.hpp>
#include <hdikafka/error.hpp>

#if __has_include(<sys/file.h>)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

#if __has_include(<sys/file.h>)

/// Far more than checkpoints of all partitions that a cluster can have.
inline constexpr std::size_t most_checkpoint_bytes = std::size_t{64} << 20;

/// The file itself; every method blocks. One thread at a time.
template <class>
class checkpoint_table
{
public:
    explicit checkpoint_table(std::string path) : path_(std::move(path)) {}

    std::vector<checkpoint> load(std::string const& topic)
    {
        open();
        std::vector<checkpoint> out;
        std::ranges::copy_if(all_, std::back_inserter(out),
                             [&](checkpoint const& one) { return one.topic == topic; });
        return out;
    }

    void save(checkpoint what)
    {
        open();
        std::vector<checkpoint> changed = all_;
        auto const same = [&](checkpoint const& one) {
            return one.topic == what.topic && one.partition == what.partition;
        };
        if (auto const found = std::ranges::find_if(changed, same); found != changed.end())
            *found = std::move(what);
        else
            changed.push_back(std::move(what));
        replace(std::move(changed));
    }

private:
    /// Takes the lock and reads, the first time.
    void open()
    {
        if (lock_)
            return;
        resolve();
        regular_file lock(path_ + ".lock", O_RDWR | O_CREAT);
        lock.must_be_open();
        if (!lock.lock())
            throw error(std::make_error_code(std::errc::device_or_resource_busy),
                        "the checkpoints in " + path_ + " are in use: another consumer holds its lock");
        regular_file const file(path_, O_RDONLY);
        if (file.is_open()) {
            auto read = parse_checkpoints(file.read(most_checkpoint_bytes));
            if (!read)
                throw error(read.error().code(), path_ + ": " + read.error().cause());
            all_ = std::move(read).value();
        }
        lock_.emplace(std::move(lock));
    }

    /// The one name that the file has, whatever links lead to it and wherever the program goes.
    void resolve()
    {
        if (path_.empty() || path_.find('\0') != std::string::npos)
            throw error(errc::invalid_option, "the file of the checkpoints has no name");
        std::string found = real_path(path_);
        if (found.empty() && errno != ENOENT)
            throw file_error("finding", path_);
        if (found.empty()) { // the file is yet to be made
            std::string const target = link_target(path_);
            auto const slash = target.rfind('/');
            std::string const folder = slash == std::string::npos ? "." : target.substr(0, slash + 1);
            found = real_path(folder);
            if (found.empty())
                throw file_error("finding", folder);
            found += '/' + target.substr(slash == std::string::npos ? 0 : slash + 1);
        }
        struct stat about = {};
        if (::lstat(found.c_str(), &about) == 0)
            must_be_regular(about, found); // before a lock is left beside what is none
        path_ = std::move(found);
    }

    /// Where links lead that end at nothing.
    static std::string link_target(std::string path)
    {
        constexpr int most = 40; // as the system has it
        for (int i = 0; i != most; ++i) {
            std::error_code no_link;
            std::filesystem::path const next = std::filesystem::read_symlink(path, no_link);
            if (no_link)
                break;
            path = (std::filesystem::path(path).parent_path() / next).string();
        }
        return path;
    }

    static std::string real_path(std::string const& path)
    {
        std::unique_ptr<char, decltype(&std::free)> const found(::realpath(path.c_str(), nullptr),
                                                                &std::free);
        return found ? found.get() : "";
    }

    /// The name is given to what is complete and on the disk, and then is on the disk itself. `all_` is what
    /// the file has, whatever fails.
    void replace(std::vector<checkpoint> all)
    {
        std::string const text = checkpoints_text(all);
        if (text.size() > most_checkpoint_bytes) // it could not be read again
            throw file_too_large(path_, most_checkpoint_bytes);
        std::string const folder = path_.substr(0, path_.rfind('/') + 1);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open()
        owned_descriptor const directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (directory.number() < 0)
            throw file_error("opening", folder);
        struct stat before = {};
        bool const there = ::lstat(path_.c_str(), &before) == 0;
        if (there)
            must_be_regular(before, path_);
        replacing_file made(path_, there ? 0600 : 0666);
        if (there)
            made.be_like(before);
        made.file().write(text);
        made.file().flush();
        made.put();
        all_ = std::move(all);
        regular_file::flush(directory.number(), folder);
    }

    std::string path_;
    std::optional<regular_file> lock_;
    std::vector<checkpoint> all_;
};

#else

template <class>
class checkpoint_table
{
public:
    explicit checkpoint_table(std::string) {}

    std::vector<checkpoint> load(std::string const&) { throw not_supported(); }
    void save(checkpoint) { throw not_supported(); }

private:
    static error not_supported()
    {
        return error(std::make_error_code(std::errc::function_not_supported),
                     "files of checkpoints are not supported on this platform");
    }
};

#endif

/// The thread of a context that works on files. The context's end waits for what is under way, so that
/// nothing comes back to a context that is gone.
template <class>
class file_worker final : public net::execution_context::service
{
public:
    static inline net::execution_context::id id;

    explicit file_worker(net::execution_context& owner) : net::execution_context::service(owner) {}

    auto executor() { return thread_.get_executor(); }

private:
    void shutdown() override { thread_.join(); }

    net::thread_pool thread_{1};
};

/// What the copies of a store share. Its awaitables keep it.
template <class Lazy>
class checkpoint_file
{
public:
    explicit checkpoint_file(std::string path) : table_(std::move(path)) {}

    static net::awaitable<std::vector<checkpoint>> load(checkpoint_file_ptr file, std::string topic)
    {
        auto const caller = co_await net::this_coro::executor;
        auto work = load_here(std::move(file), std::move(topic));
        auto out = co_await net::co_spawn(worker_of(caller), std::move(work), net::use_awaitable);
        co_return out;
    }

    static net::awaitable<void> save(checkpoint_file_ptr file, checkpoint what)
    {
        auto const caller = co_await net::this_coro::executor;
        auto work = save_here(std::move(file), std::move(what));
        co_await net::co_spawn(worker_of(caller), std::move(work), net::use_awaitable);
    }

private:
    static auto worker_of(net::any_io_executor const& caller)
    {
        return net::use_service<file_worker<Lazy>>(net::query(caller, net::execution::context)).executor();
    }

    // These block.
    static net::awaitable<std::vector<checkpoint>> load_here(checkpoint_file_ptr file, std::string topic)
    {
        std::lock_guard const lock(file->mutex_);
        co_return file->table_.load(topic);
    }

    static net::awaitable<void> save_here(checkpoint_file_ptr file, checkpoint what)
    {
        std::lock_guard const lock(file->mutex_);
        file->table_.save(std::move(what));
        co_return;
    }

    std::mutex mutex_;
    checkpoint_table<Lazy> table_;
};

template <class Lazy>
checkpoint_file_ptr make_checkpoint_file(std::string path)
{
    return std::make_shared<checkpoint_file<Lazy>>(std::move(path));
}

} // namespace hdikafka::inline v0_1::detail

namespace hdikafka::inline v0_1 {

template <class Lazy>
net::awaitable<std::vector<checkpoint>> basic_file_checkpoint_store<Lazy>::load(std::string topic)
{
    return detail::checkpoint_file<Lazy>::load(file_, std::move(topic));
}

template <class Lazy>
net::awaitable<void> basic_file_checkpoint_store<Lazy>::save(checkpoint what)
{
    return detail::checkpoint_file<Lazy>::save(file_, std::move(what));
}

} // namespace hdikafka::inline v0_1

#endif
