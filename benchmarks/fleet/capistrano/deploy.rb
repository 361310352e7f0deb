set :application, "bench"
set :repo_url, ENV.fetch("BENCH_REPOSITORY")
set :branch, "main"
set :deploy_to, "/home/deploy/cap-#{ENV.fetch("BENCH_TRIAL")}"
set :keep_releases, 5

ENV.fetch("BENCH_HOSTS").split(",").each { |host| server host, user: "deploy", roles: %w[app] }

namespace :bench do
  desc "Restart the light unit"
  task :restart do
    on roles(:app) do
      execute :systemctl, "--user", "restart", "light@#{ENV.fetch("BENCH_TRIAL")}"
    end
  end

  desc "Another value in the shared .env, and what it takes to bring it into effect"
  task :config do
    on roles(:app) do
      upload! StringIO.new("SALT=#{Time.now.to_f}\n"), "#{shared_path}/.env"
    end
    invoke "bench:restart"
  end
end

after "deploy:published", "bench:restart" unless ENV.fetch("BENCH_RESTART").empty?
