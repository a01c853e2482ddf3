localrules:
    kernels,


rule kernels:
    output:
        stamp=f"{RESULTS}/logs/kernels.stamp",
    log:
        f"{RESULTS}/logs/kernels.log",
    benchmark:
        f"{RESULTS}/benchmarks/kernels.tsv"
    conda:
        "../envs/onramp.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        library=library_digest("kernels"),
    message:
        "Compile the numerical kernels, once"
    script:
        "../../scripts/kernels.py"
