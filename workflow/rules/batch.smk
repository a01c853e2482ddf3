rule batch:
    output:
        token=temp(f"{BATCHES.folder}/{{run}}/{{kind}}-{{number}}.done"),
    log:
        f"{BATCHES.folder}/{{run}}/{{kind}}-{{number}}.log",
    conda:
        "../envs/onramp.yaml"
    threads: 1
    resources:
        mem_mb=BATCHES.memory,
        runtime=BATCHES.minutes,
    params:
        staged=str(BATCHES.staged),
    message:
        "Work through batch {wildcards.kind}-{wildcards.number}"
    script:
        "../../scripts/batch.py"
