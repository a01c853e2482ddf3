rule simulate:
    output:
        uncal=directory("demo/uncal"),
        references=directory("demo/references"),
        truth=directory("demo/truth"),
    log:
        "demo/logs/simulate.log",
    benchmark:
        "demo/benchmarks/simulate.tsv"
    conda:
        "../envs/onramp.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        seed=1,
    message:
        "Simulate the demonstration's exposures and reference files"
    script:
        "../../scripts/demonstration.py"
